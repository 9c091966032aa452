package invoker

import (
	"context"
	"slices"
	"time"

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
	Job string
	// States are those of which the invocations have one.
	States []runwith.State
	// Caller is the name of who has started them. A trigger or schedule is a caller too.
	Caller string
	// After and Before bound the time of acceptance, to the millisecond: at After or later, and
	// before Before.
	After, Before time.Time
	// Labels are names and values that the invocations have.
	Labels map[string]string
	// Source is the trigger or schedule that has started them: trigger/NAME or schedule/NAME.
	// trigger/ and schedule/ are all triggers and all schedules.
	Source string
	// RerunOf is the invocation that they run again.
	RerunOf string
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
	q := f.query()
	q.Limit = size + 1
	found, err := v.store.List(ctx, q)
	if err != nil {
		return nil, "", err
	}
	if len(found) > size {
		found = found[:size]
		next = found[size-1].ID
	}
	page = make([]runwith.Invocation, len(found))
	for i, r := range found {
		page[i] = v.listed(r)
	}
	return page, next, nil
}

// query returns the filter as the store takes it.
func (f Filter) query() store.Query {
	q := store.Query{
		Job: f.Job, States: f.States, Labels: f.Labels, Source: f.Source, RerunOf: f.RerunOf, Visible: f.Visible.stored(), Before: f.PageToken,
	}
	if f.Caller != "" {
		q.Owner = ledger.OwnerOf(f.Caller)
	}
	if !f.After.IsZero() {
		q.After = ledger.IDAt(f.After)
	}
	if before := ledger.IDAt(f.Before); !f.Before.IsZero() && (q.Before == "" || before < q.Before) {
		q.Before = before
	}
	return q
}

func (f Filter) validate() error {
	for _, state := range f.States {
		if !slices.Contains(ledger.States(), state) {
			return invalid("state", "there is no state %q", state)
		}
	}
	if f.Source != "" && ledger.SourceOf(f.Source, "") == nil {
		return invalid("source", "must be schedule/NAME or trigger/NAME, or schedule/ or trigger/ for all of them")
	}
	if f.PageSize < 0 {
		return invalid("pageSize", "must not be negative")
	}
	if f.PageToken != "" && uuid.Validate(f.PageToken) != nil {
		return invalid("pageToken", "must be one that the page before returned")
	}
	return nil
}
