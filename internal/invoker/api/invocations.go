package api

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/invoker"
)

type startInput struct {
	Preference
	KeyHeader
	KnownNames
	JobPath
	Body *startRequest
}

// JobPath is the job in a path, exported as [Preference] is.
type JobPath struct {
	Job string `path:"job" maxLength:"63" pattern:"^[a-z]([-a-z0-9]*[a-z0-9])?$" patternDescription:"a job's name: lower-case letters, digits and hyphens, a letter first, no hyphen last" doc:"Name of the job." example:"test-job"`
}

type startOutput struct {
	Status   int
	Replayed string `header:"Idempotency-Replayed" doc:"true if the request is a repeat. The invocation is the existing one."`
	Location string `header:"Location" doc:"Path of the invocation."`
	Applied  string `header:"Preference-Applied" doc:"The wait that was granted."`
	Body     runwith.Invocation
}

type invocationInput struct {
	Preference
	ID string `path:"id" doc:"ID of the invocation."`
}

type invocationOutput struct {
	Applied string `header:"Preference-Applied" doc:"The wait that was granted."`
	Body    runwith.Invocation
}

type listInput struct {
	Job       string          `query:"job" doc:"Only invocations of this job."`
	State     []runwith.State `query:"state,explode" nullable:"false" maxItems:"16" enum:"accepted,queued,starting,running,succeeded,failed,cancelled,refused,unresolved" doc:"Only invocations in this state. Repeat it for several: those in one of them."`
	Caller    string          `query:"caller" maxLength:"512" doc:"Only invocations that this caller has started, as their field caller has it." example:"docs-api"`
	After     time.Time       `query:"after" doc:"Only invocations that were accepted at this time or later, in RFC 3339, to the millisecond." example:"2026-11-01T00:00:00Z"`
	Before    time.Time       `query:"before" doc:"Only invocations that were accepted before this time." example:"2026-12-01T00:00:00Z"`
	Label     []string        `query:"label,explode" nullable:"false" maxItems:"16" doc:"Only invocations with this label: name=value. Repeat it for several." example:"[\"tenant=acme\"]"`
	Source    string          `query:"source" maxLength:"128" doc:"Only invocations that this trigger or schedule has started. schedule/ and trigger/ stand for all of them." example:"schedule/nightly"`
	RerunOf   string          `query:"rerunOf" maxLength:"64" doc:"Only invocations that run this one again."`
	PageSize  int             `query:"pageSize" minimum:"0" doc:"Maximum number of invocations to return, at most 1000; 0 leaves it to the server."`
	PageToken string          `query:"pageToken" doc:"The nextPageToken of the previous page."`
}

type listOutput struct {
	Body invocationList
}

type invocationList struct {
	Invocations   []runwith.Invocation `json:"invocations" nullable:"false" doc:"Invocations, newest first."`
	NextPageToken string               `json:"nextPageToken,omitempty" doc:"Token of the next page; absent on the last."`
}

func (s *server) routeInvocations(d huma.API) {
	register(s, d, huma.Operation{
		OperationID: "startJob",
		Method:      http.MethodPost,
		Path:        prefix + "/jobs/{job}/invocations",
		Summary:     "Start a job",
		Description: description(`Starts a job once, with parameters or overrides for this execution only; the job itself does not
			change. The answer comes after the invocation is on disk. An empty body starts the job as it is.
			With an Idempotency-Key, a repeat of the same request is answered with 200 and the current state of the same
			invocation. A different request with the same key is answered with 422.`),
		DefaultStatus: http.StatusAccepted,
		MaxBodyBytes:  -1, // readBody has a limit
		// After reading the body huma would set a deadline, which would cancel the context
		// of a request that waits.
		BodyReadTimeout: -1,
		Middlewares:     huma.Middlewares{s.readBody},
	}, s.start)
	register(s, d, huma.Operation{
		OperationID: "getInvocation",
		Method:      http.MethodGet,
		Path:        prefix + "/invocations/{id}",
		Summary:     "An invocation as it is now",
	}, s.invocation)
	register(s, d, huma.Operation{
		OperationID: "listInvocations",
		Method:      http.MethodGet,
		Path:        prefix + "/invocations",
		Summary:     "Invocations, newest first",
	}, s.list)
}

func (s *server) start(ctx context.Context, in *startInput) (*startOutput, error) {
	invocation, replayed, err := s.invoker.Invoke(ctx, invoker.Request{
		Job: in.Job, Key: in.key, Asked: in.Body.request(),
	})
	return s.started(ctx, in.Preference, invocation, replayed, err)
}

// started answers a request that starts a job.
func (s *server) started(ctx context.Context, p Preference, invocation runwith.Invocation, replayed bool, err error) (*startOutput, error) {
	if err == nil && !replayed {
		err = refusal(invocation)
	}
	if err != nil {
		return nil, faulty("body", err)
	}
	out := &startOutput{
		Status:   http.StatusAccepted,
		Location: prefix + "/invocations/" + url.PathEscape(invocation.ID),
		Applied:  p.applied(),
		Body:     invocation,
	}
	if replayed {
		out.Status, out.Replayed = http.StatusOK, "true"
	}
	if !p.wanted {
		return out, nil
	}
	waited, err := s.wait(ctx, invocation.ID, p)
	if err != nil {
		// The job has been accepted, so the caller must learn the ID.
		s.log.WarnContext(ctx, "wait for invocation", "invocation", invocation.ID, "cause", err)
		return out, nil
	}
	out.Body = waited
	return out, nil
}

// refusal returns why Cloud Run has refused to start a new invocation, or nil. With an ephemeral
// store an invocation is accepted once its start is confirmed, so a refused one never was. Any other
// store answers before Cloud Run is asked.
func refusal(i runwith.Invocation) error {
	if i.State != runwith.StateRefused || i.Error == nil {
		return nil
	}
	code, _ := runwith.ParseCode(i.Error.Code)
	return runwith.Errorf(cmp.Or(code, runwith.FailedPrecondition), "%s", i.Error.Message)
}

func (s *server) invocation(ctx context.Context, in *invocationInput) (*invocationOutput, error) {
	invocation, err := s.wait(ctx, in.ID, in.Preference)
	if err != nil {
		return nil, err
	}
	return &invocationOutput{Applied: in.applied(), Body: invocation}, nil
}

// wait returns the invocation once it has settled, the preferred time is over, or the
// server stops.
func (s *server) wait(ctx context.Context, id string, p Preference) (runwith.Invocation, error) {
	if !p.wanted {
		return s.invoker.Invocation(ctx, id)
	}
	waiting, cancel := s.untilStop(ctx)
	defer cancel()
	waiting, cancelTimeout := context.WithTimeout(waiting, p.wait)
	defer cancelTimeout()
	invocation, err := s.invoker.Wait(waiting, id)
	if err != nil && waiting.Err() != nil {
		return s.invoker.Invocation(ctx, id)
	}
	return invocation, err
}

func (s *server) list(ctx context.Context, in *listInput) (*listOutput, error) {
	labels, err := in.labels()
	if err != nil {
		return nil, err
	}
	page, next, err := s.invoker.Invocations(ctx, invoker.Filter{
		Job:       in.Job,
		States:    in.State,
		Caller:    in.Caller,
		After:     in.After,
		Before:    in.Before,
		Labels:    labels,
		Source:    in.Source,
		RerunOf:   in.RerunOf,
		PageSize:  in.PageSize,
		PageToken: in.PageToken,
	})
	if err != nil {
		return nil, faulty("query", err)
	}
	if page == nil {
		page = []runwith.Invocation{} // [], not null
	}
	return &listOutput{Body: invocationList{Invocations: page, NextPageToken: next}}, nil
}

// labels returns the labels to look for.
func (in *listInput) labels() (map[string]string, error) {
	if len(in.Label) == 0 {
		return nil, nil
	}
	labels := make(map[string]string, len(in.Label))
	for _, pair := range in.Label {
		name, value, ok := strings.Cut(pair, "=")
		if before, twice := labels[name]; !ok || name == "" || twice && before != value {
			return nil, apierror.Invalid(apierror.Fault{Location: "query.label", Message: "must be name=value, with one value for each name"})
		}
		labels[name] = value
	}
	return labels, nil
}
