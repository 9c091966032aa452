package inbox

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/jobspec"
)

const (
	defaultPage = 50
	maxPage     = 1000
)

// Filter selects events. The zero value selects all.
type Filter struct {
	Trigger string
	// Outcome is that of the event as it is now. A refused event that was retried is accepted.
	Outcome runwith.TriggerOutcome
	// Jobs are those whose events are visible; nil: all.
	Jobs []string
	// PageSize is how many to return, 0 for 50. There are never more than 1,000.
	PageSize int
	// PageToken is the next of the page before, which had the same Filter.
	PageToken string
}

// Events returns a page of events without their content, newest first, and the token of the
// next page, empty at the end. The event of a retried invocation is listed once, as the
// invocation.
func (b *Inbox) Events(ctx context.Context, f Filter) (page []runwith.TriggerEvent, next string, err error) {
	switch {
	case f.PageSize < 0:
		return nil, "", jobspec.FieldErrorf(runwith.InvalidArgument, "pageSize", "must not be negative")
	case f.PageToken != "" && uuid.Validate(f.PageToken) != nil:
		return nil, "", jobspec.FieldErrorf(runwith.InvalidArgument, "pageToken", "must be one that the page before returned")
	case f.Outcome != "" && f.Outcome != runwith.TriggerAccepted && f.Outcome != runwith.TriggerRefused:
		return nil, "", jobspec.FieldErrorf(runwith.InvalidArgument, "outcome", "there is no outcome %q", f.Outcome)
	}
	size := min(f.PageSize, maxPage)
	if size == 0 {
		size = defaultPage
	}
	q := store.EventQuery{Trigger: f.Trigger, Waiting: true, Jobs: f.Jobs, Before: f.PageToken, Limit: size + 1}
	if page, err = b.read(ctx, f.Outcome, q); err != nil {
		return nil, "", err
	}
	if len(page) > size {
		page = page[:size]
		next = page[size-1].ID
	}
	return page, next, nil
}

// read returns the events that a query selects, newest first.
func (b *Inbox) read(ctx context.Context, outcome runwith.TriggerOutcome, q store.EventQuery) (all []runwith.TriggerEvent, err error) {
	if outcome != runwith.TriggerAccepted {
		refused, err := b.store.Events(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, e := range refused {
			all = append(all, summary(e))
		}
	}
	if outcome != runwith.TriggerRefused {
		started, err := b.store.Triggered(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, r := range started {
			all = append(all, accepted(r))
		}
	}
	slices.SortFunc(all, func(x, y runwith.TriggerEvent) int { return strings.Compare(y.ID, x.ID) })
	return all, nil
}
