package access

import (
	"context"
	"slices"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/api"
	"github.com/runwith/runwith/internal/invoker/inbox"
	"github.com/runwith/runwith/internal/invoker/policy"
)

// Events are the events of triggers, of which a caller sees those of the jobs whose
// invocations it sees. To retry one needs the verb operate on the job, and its content the verb
// values.
type Events struct {
	access *Access
	next   Inbox
}

// Inbox is what [Events] stands in front of.
type Inbox interface {
	api.Events
	// Target returns the job of a trigger; empty if there is no such trigger.
	Target(trigger string) string
}

var (
	_ api.Events = (*Events)(nil)
	_ Inbox      = (*inbox.Inbox)(nil)
)

// NewEvents returns events in front of next. The function returns the policy of the moment.
func NewEvents(next Inbox, current func() *policy.Policy) *Events {
	return &Events{New(nil, current), next}
}

// Events implements [api.Events].
func (v *Events) Events(ctx context.Context, f inbox.Filter) (page []runwith.TriggerEvent, next string, err error) {
	r := v.access.reader(ctx)
	f.Jobs = nil
	if !r.seesAll(policy.EveryJob) {
		f.Jobs = slices.DeleteFunc(append([]string{}, r.Jobs()...), func(job string) bool { return !r.seesAll(job) })
	}
	return v.next.Events(ctx, f)
}

// Event implements [api.Events].
func (v *Events) Event(ctx context.Context, id string) (runwith.TriggerEvent, error) {
	r := v.access.reader(ctx)
	e, err := v.see(ctx, r, id)
	return r.shownEvent(e), err
}

// Retry implements [api.Events]. The trigger may start another job by now, on which the caller
// needs the verb too.
func (v *Events) Retry(ctx context.Context, id string) (runwith.TriggerEvent, error) {
	r := v.access.reader(ctx)
	e, err := v.see(ctx, r, id)
	if err != nil {
		return e, err
	}
	for _, job := range []string{e.Job, v.next.Target(e.Trigger)} {
		if job != "" && !r.has(job, policy.Operate) {
			return runwith.TriggerEvent{}, r.denied(job, policy.Operate)
		}
	}
	e, err = v.next.Retry(ctx, id)
	return r.shownEvent(e), err
}

// see returns an event if the caller may see it, and otherwise NOT_FOUND.
func (v *Events) see(ctx context.Context, r reader, id string) (runwith.TriggerEvent, error) {
	e, err := v.next.Event(ctx, id)
	if err == nil && !r.seesAll(e.Job) {
		err = inbox.NotFound(id)
	}
	if err != nil {
		return runwith.TriggerEvent{}, err
	}
	return e, nil
}

// shownEvent returns an event as the caller may see it.
func (r reader) shownEvent(e runwith.TriggerEvent) runwith.TriggerEvent {
	if r.has(e.Job, policy.Values) {
		return e
	}
	e.Header = maskEnv(e.Header)
	if e.Body != "" || e.Base64 != nil {
		e.Body, e.Base64 = masked, nil
	}
	return e
}
