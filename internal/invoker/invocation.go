package invoker

import (
	"context"

	"github.com/google/uuid"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

const (
	defaultPage = 50
	maxPage     = 1000
)

// Invocation returns the invocation with the given ID, or NOT_FOUND.
func (v *Invoker) Invocation(ctx context.Context, id string) (runwith.Invocation, error) {
	r, err := v.store.Find(ctx, id)
	return v.shown(r), err
}

// Wait returns the invocation once it is settled. If ctx ends first, it returns
// the invocation as it is, with ctx's error.
func (v *Invoker) Wait(ctx context.Context, id string) (runwith.Invocation, error) {
	return v.waitUntil(ctx, id, func(i runwith.Invocation) bool { return i.State.Settled() })
}

func (v *Invoker) waitUntil(ctx context.Context, id string, enough func(runwith.Invocation) bool) (runwith.Invocation, error) {
	changed, end := v.store.Subscribe(id)
	defer end()
	defer v.awaiting.expect(id)()
	for {
		r, err := v.store.Find(context.WithoutCancel(ctx), id)
		if err != nil || enough(r.Invocation) {
			return v.shown(r), err
		}
		v.awaiting.begin(r)
		if err := v.await(ctx, changed); err != nil {
			return v.shown(r), err
		}
	}
}

// Filter selects invocations. The zero value selects all.
type Filter struct {
	Job   string
	State runwith.State
	// Labels are names and values that the invocations have.
	Labels map[string]string
	// Source is the trigger or schedule that has started them: trigger/NAME or schedule/NAME.
	Source string
	// Visible is what the reader may see; nil is everything.
	Visible *Visibility
	// PageSize is how many to return, 0 for 50. There are never more than 1,000.
	PageSize int
	// PageToken is the next of the page before, which had the same Filter.
	PageToken string
}

// Invocations returns a page, newest first, and the token of the next, empty at
// the end.
func (v *Invoker) Invocations(ctx context.Context, f Filter) (page []runwith.Invocation, next string, err error) {
	if err := f.validate(); err != nil {
		return nil, "", err
	}
	size := min(f.PageSize, maxPage)
	if size == 0 {
		size = defaultPage
	}
	found, err := v.store.List(ctx, store.Query{
		Job: f.Job, State: f.State, Labels: f.Labels, Source: f.Source, Visible: f.Visible.stored(), Before: f.PageToken, Limit: size + 1,
	})
	if err != nil {
		return nil, "", err
	}
	if len(found) > size {
		found = found[:size]
		next = found[size-1].ID
	}
	page = make([]runwith.Invocation, len(found))
	for i, r := range found {
		page[i] = v.shown(r)
	}
	return page, next, nil
}

func (f Filter) validate() error {
	switch f.State {
	case "", runwith.StateAccepted, runwith.StateQueued, runwith.StateStarting, runwith.StateRunning, runwith.StateSucceeded,
		runwith.StateFailed, runwith.StateCancelled, runwith.StateRefused, runwith.StateUnresolved:
	default:
		return invalid("state", "there is no state %q", f.State)
	}
	if f.Source != "" && ledger.SourceOf(f.Source, "") == nil {
		return invalid("source", "must be schedule/NAME or trigger/NAME")
	}
	if f.PageSize < 0 {
		return invalid("pageSize", "must not be negative")
	}
	if f.PageToken != "" && uuid.Validate(f.PageToken) != nil {
		return invalid("pageToken", "must be one that the page before returned")
	}
	return nil
}
