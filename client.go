package runwith

import (
	"cmp"
	"context"
	"crypto/rand"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Client is a client of an invoker. The zero value calls the invoker at
// http://127.0.0.1:8080, the default address of `runwith up`. The methods may be
// called concurrently, but not while a field is being changed.
//
// All methods return errors of type [*Error].
//
// [Client.Start], [Client.Run], [Client.RunOnce], [Client.StartEach], [Client.Rerun] and
// [Client.Cancel] retry up to five times when no complete answer arrives or the invoker is
// overloaded. A retry never starts a job twice, because each start carries an idempotency key. [Client.Wait] retries until
// its context ends, and [Client.Logs] goes on after a stream that broke. No other method retries.
type Client struct {
	// Server is the base URL of the invoker; empty means http://127.0.0.1:8080.
	Server string
	// HTTPClient sends the requests; nil means [http.DefaultClient]. Leave its
	// Timeout at zero, because it would also end a followed log. Limit each call by
	// its context instead.
	HTTPClient *http.Client
	// Credential returns the API key or the ID token of the caller; nil sends none.
	// It is called for each request, maybe concurrently, so a source of tokens should keep
	// one until shortly before its expiry. See [APIKey].
	Credential func(ctx context.Context) (string, error)
	// SendCredentialInClear sends the credential also over plain HTTP to another machine,
	// where everybody on the way can read it. Otherwise such a request fails.
	SendCredentialInClear bool
	// Retrying, if not nil, is called before each retry of a start or Cancel with
	// the error that caused it. It must not block.
	Retrying func(err error)
}

// Start starts a job unless an earlier call used the same key, and returns when the
// invocation is on the invoker's disk. If the key was used, it returns the existing
// invocation in its current state. r may be nil, which starts the job as it is.
//
// Choose a key that names the work to do once, such as an order number: 1 to 255
// characters of printable ASCII. A key lives for 7 days, and at least one day after the
// invocation ends.
//
// Errors: [NotFound] if the job does not exist or may not be started, [InvalidArgument] if
// the job cannot take the request, [PermissionDenied] if the invoker's configuration does
// not allow it, [AlreadyExists] if the key was used for another job or another request,
// [Aborted] if the job's concurrency limit is reached and it does not queue,
// [ResourceExhausted] if the caller has started too many, [Unavailable] if no complete
// answer arrived.
func (c *Client) Start(ctx context.Context, job, key string, r *Request) (*Invocation, error) {
	path, err := escape("jobs", "job", job)
	if err != nil {
		return nil, err
	}
	if err := checkKey(key); err != nil {
		return nil, err
	}
	body, err := encode("request", cmp.Or(r, &Request{}).body())
	if err != nil {
		return nil, err
	}
	start := request{method: http.MethodPost, path: path + "/invocations", body: body, key: key}
	return again(ctx, c, func() (*Invocation, error) { return decode[Invocation](c.send(ctx, start)) })
}

// Run is [Client.Start] with a random key and overrides alone, which may be nil. The job
// starts once, however often the request is retried.
func (c *Client) Run(ctx context.Context, job string, o *Overrides) (*Invocation, error) {
	return c.RunOnce(ctx, job, rand.Text(), o)
}

// RunOnce is [Client.Start] with overrides alone, which may be nil.
func (c *Client) RunOnce(ctx context.Context, job, key string, o *Overrides) (*Invocation, error) {
	return c.Start(ctx, job, key, &Request{Overrides: *cmp.Or(o, &Overrides{})})
}

// Invocation returns an invocation in its current state, or the error [NotFound].
func (c *Client) Invocation(ctx context.Context, id string) (*Invocation, error) {
	path, err := escape("invocations", "invocation", id)
	if err != nil {
		return nil, err
	}
	return decode[Invocation](c.send(ctx, request{path: path}))
}

// Cancel requests the end of an invocation and returns its state after the request.
// An invocation that was not sent to Cloud Run yet is cancelled at once. Otherwise
// the invoker asks Cloud Run to cancel the execution, and the execution's own result
// counts. Cancelling an ended invocation is a no-op.
func (c *Client) Cancel(ctx context.Context, id string) (*Invocation, error) {
	path, err := escape("invocations", "invocation", id)
	if err != nil {
		return nil, err
	}
	cancel := request{method: http.MethodPost, path: path + "/cancel"}
	return again(ctx, c, func() (*Invocation, error) { return decode[Invocation](c.send(ctx, cancel)) })
}

// Decision is a person's decision about an unresolved invocation.
type Decision string

// The decisions.
const (
	// Retry searches for the execution once more, and starts the job if there is
	// none.
	Retry Decision = "retry"
	// Leave keeps the invocation unresolved for good and frees its concurrency slot.
	Leave Decision = "leave"
)

// Resolve applies a decision to an invocation that is [StateUnresolved]. It returns
// the error [FailedPrecondition] if the invocation has another state, or if the
// decision does not fit it.
func (c *Client) Resolve(ctx context.Context, id string, d Decision) (*Invocation, error) {
	path, err := escape("invocations", "invocation", id)
	if err != nil {
		return nil, err
	}
	body, err := encode("decision", map[string]Decision{"decision": d})
	if err != nil {
		return nil, err
	}
	return decode[Invocation](c.send(ctx, request{method: http.MethodPost, path: path + "/resolve", body: body}))
}

// ListOptions select invocations. The zero value selects all.
type ListOptions struct {
	// Job selects the invocations of one job; empty selects all jobs.
	Job string
	// States selects the invocations in one of these states; empty selects all states.
	States []State
	// Caller selects what one caller has started; empty selects all callers.
	Caller string
	// After and Before select the invocations that were accepted at After or later, and before
	// Before, to the millisecond. The zero time is no bound.
	After, Before time.Time
	// Labels selects the invocations that have all these labels; empty selects all.
	Labels map[string]string
	// Source selects what a schedule or trigger has started: schedule/NAME or trigger/NAME.
	// schedule/ and trigger/ stand for all of them. Empty selects all.
	Source string
	// RerunOf selects the invocations that run one again; empty selects all.
	RerunOf string
	// PageSize is the number of invocations in one request; 0 means the invoker's
	// default. It does not limit the number of results.
	PageSize int
}

// Invocations returns an iterator over invocations, newest first. It fetches pages
// while the loop runs, and stops after the first error. Each loop starts a new
// listing. o may be nil, which selects all.
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
	for name, value := range map[string]string{"job": o.Job, "caller": o.Caller, "source": o.Source, "rerunOf": o.RerunOf} {
		if value != "" {
			query.Set(name, value)
		}
	}
	for name, at := range map[string]time.Time{"after": o.After, "before": o.Before} {
		if !at.IsZero() {
			query.Set(name, at.Format(time.RFC3339Nano))
		}
	}
	for _, state := range o.States {
		query.Add("state", string(state))
	}
	for _, name := range slices.Sorted(maps.Keys(o.Labels)) {
		query.Add("label", name+"="+o.Labels[name])
	}
	if o.PageSize != 0 {
		query.Set("pageSize", strconv.Itoa(o.PageSize))
	}
	return query
}

// Jobs returns an iterator over the jobs that can be started. It stops after the
// first error. Each loop starts a new listing.
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

// Job returns the job with this ID, or the error [NotFound].
func (c *Client) Job(ctx context.Context, name string) (*Job, error) {
	path, err := escape("jobs", "job", name)
	if err != nil {
		return nil, err
	}
	return decode[Job](c.send(ctx, request{path: path}))
}
