package runwith

import (
	"cmp"
	"context"
	"crypto/rand"
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
// The errors of all methods are [*Error]. [Client.Run] and its like send a request
// again, a few times, where no whole answer came: a key sees to it that the job is
// started once. So does [Client.Wait]. Nothing else is repeated.
type Client struct {
	// Server is the base URL of the invoker; empty means http://127.0.0.1:8080.
	Server string
	// HTTPClient sends the requests; nil means [http.DefaultClient]. Its Timeout
	// bounds a followed log, too, and is better left at zero: contexts bound
	// each call.
	HTTPClient *http.Client
	// Retrying, where it is not nil, is told why a request is sent again, before the
	// pause that comes first. It must not block.
	Retrying func(err error)
}

// Run starts a job, with overrides where o is not nil, and returns as soon as
// the invocation is on the invoker's disk. It is [Client.RunOnce] with a key of its
// own: the job is started once, however often the request had to be sent.
//
// Errors: [NotFound] for a job that does not exist or may not be started,
// [InvalidArgument] for overrides that it cannot take, [Aborted] where its
// invocations may not wait for each other, [Unavailable] when no whole answer came.
func (c *Client) Run(ctx context.Context, job string, o *Overrides) (*Invocation, error) {
	return c.RunOnce(ctx, job, rand.Text(), o)
}

// RunOnce starts a job unless it was started with the same key before: then it
// returns that invocation, as it is now. The key is the caller's own name for what
// is to be done once, such as an order's number: printable ASCII, at most 255
// characters. It lives for 7 days, and a day past the invocation's end.
//
// Errors are those of [Client.Run], and [AlreadyExists] where the key was used for
// another job or other overrides.
func (c *Client) RunOnce(ctx context.Context, job, key string, o *Overrides) (*Invocation, error) {
	path, err := escape("jobs", "job", job)
	if err != nil {
		return nil, err
	}
	if key == "" {
		return nil, Errorf(InvalidArgument, "key: must not be empty")
	}
	body, err := json.Marshal(cmp.Or(o, &Overrides{}))
	if err != nil {
		return nil, &Error{Code: InvalidArgument, Message: "overrides cannot be encoded as JSON", Err: err}
	}
	start := request{method: http.MethodPost, path: path + "/invocations", body: body, key: key}
	return c.again(ctx, func() (*Invocation, error) { return decode[Invocation](c.send(ctx, start)) })
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

// Cancel asks for an invocation to end, and returns it as it is then. What was not
// sent to Cloud Run yet is cancelled; what runs ends as Cloud Run says. One that has
// ended stays as it is.
func (c *Client) Cancel(ctx context.Context, id string) (*Invocation, error) {
	path, err := escape("invocations", "invocation", id)
	if err != nil {
		return nil, err
	}
	cancel := request{method: http.MethodPost, path: path + "/cancel"}
	return c.again(ctx, func() (*Invocation, error) { return decode[Invocation](c.send(ctx, cancel)) })
}

// Decision is what a person decides about an invocation that is unresolved.
type Decision string

// The decisions.
const (
	// Retry searches for the execution once more, and starts the job where there is
	// none.
	Retry Decision = "retry"
	// Leave lets the invocation be: it stays unresolved, for good.
	Leave Decision = "leave"
)

// Resolve decides about an invocation that is [StateUnresolved]. Its error is
// [FailedPrecondition] where there is nothing to decide.
func (c *Client) Resolve(ctx context.Context, id string, d Decision) (*Invocation, error) {
	path, err := escape("invocations", "invocation", id)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]Decision{"decision": d})
	if err != nil {
		return nil, &Error{Code: InvalidArgument, Message: "decision cannot be encoded as JSON", Err: err}
	}
	return decode[Invocation](c.send(ctx, request{method: http.MethodPost, path: path + "/resolve", body: body}))
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
