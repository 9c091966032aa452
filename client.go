package runwith

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// Client asks an invoker to start jobs, and how they end. The zero value asks
// the one at http://127.0.0.1:8080, where `runwith up` serves. All methods may be
// called concurrently as long as the fields are not changed.
//
// The errors of all methods are [*Error]. Nothing is repeated after an error,
// except by [Client.Wait]: when the connection breaks during [Client.Run], the
// job may have been started.
type Client struct {
	// Server is the base URL of the invoker; empty means http://127.0.0.1:8080.
	Server string
	// HTTPClient sends the requests; nil means [http.DefaultClient]. Its Timeout
	// bounds a followed log, too, and is better left at zero: contexts bound
	// each call.
	HTTPClient *http.Client
}

// Run starts a job, with overrides where o is not nil, and returns as soon as
// the invocation is on the invoker's disk.
//
// Errors: [NotFound] for a job that does not exist or may not be started,
// [InvalidArgument] for overrides that it cannot take, [Unavailable] when no
// whole answer came.
func (c *Client) Run(ctx context.Context, job string, o *Overrides) (*Invocation, error) {
	path, err := escape("jobs", "job", job)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(cmp.Or(o, &Overrides{}))
	if err != nil {
		return nil, &Error{Code: InvalidArgument, Message: "overrides cannot be encoded as JSON", Err: err}
	}
	return decode[Invocation](c.send(ctx, request{method: http.MethodPost, path: path + "/invocations", body: body}))
}

// Invocation returns an invocation as it is now. Its error is [NotFound] where
// there is none with this ID.
func (c *Client) Invocation(ctx context.Context, id string) (*Invocation, error) {
	path, err := escape("invocations", "invocation", id)
	if err != nil {
		return nil, err
	}
	return decode[Invocation](c.send(ctx, request{path: path}))
}

// ListOptions select invocations. The zero value selects all.
type ListOptions struct {
	// Job selects the invocations of one job, unless it is empty.
	Job string
	// State selects the invocations in one state, unless it is empty.
	State State
	// PageSize is how many are fetched at a time; 0 leaves that to the invoker.
	PageSize int
}

// Invocations yields invocations, newest first, and fetches page after page as
// the loop goes on. It stops after the first error. Each loop over it asks anew.
func (c *Client) Invocations(ctx context.Context, o *ListOptions) iter.Seq2[*Invocation, error] {
	type page struct {
		Invocations   []*Invocation `json:"invocations"`
		NextPageToken string        `json:"nextPageToken"`
	}
	return func(yield func(*Invocation, error) bool) {
		query := o.query()
		for {
			p, err := decode[page](c.send(ctx, request{path: "invocations", query: query}))
			if err != nil {
				yield(nil, err)
				return
			}
			for _, invocation := range p.Invocations {
				if !yield(invocation, nil) {
					return
				}
			}
			if p.NextPageToken == "" {
				return
			}
			query.Set("pageToken", p.NextPageToken)
		}
	}
}

func (o *ListOptions) query() url.Values {
	query := url.Values{}
	if o == nil {
		return query
	}
	if o.Job != "" {
		query.Set("job", o.Job)
	}
	if o.State != "" {
		query.Set("state", string(o.State))
	}
	if o.PageSize != 0 {
		query.Set("pageSize", strconv.Itoa(o.PageSize))
	}
	return query
}

// Jobs yields the jobs that may be started. It stops after the first error. Each
// loop over it asks anew.
func (c *Client) Jobs(ctx context.Context) iter.Seq2[*Job, error] {
	type list struct {
		Jobs []*Job `json:"jobs"`
	}
	return func(yield func(*Job, error) bool) {
		l, err := decode[list](c.send(ctx, request{path: "jobs"}))
		if err != nil {
			yield(nil, err)
			return
		}
		for _, job := range l.Jobs {
			if !yield(job, nil) {
				return
			}
		}
	}
}

// Job returns one job. Its error is [NotFound] where there is none of this name.
func (c *Client) Job(ctx context.Context, name string) (*Job, error) {
	path, err := escape("jobs", "job", name)
	if err != nil {
		return nil, err
	}
	return decode[Job](c.send(ctx, request{path: path}))
}
