package batchrun

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/backoff"
)

const (
	// fewOpen is how many invocations are awaited one by one, which learns of their end at once.
	// Lists show the ends of more.
	fewOpen = 8
	// minLook and maxLook bound the pause between two looks at the list.
	minLook, maxLook = 200 * time.Millisecond, 5 * time.Second
)

// follow waits until all invocations have ended.
func (r *Run) follow(ctx context.Context) error {
	for pause := (backoff.Backoff{Min: minLook, Max: maxLook}); len(r.open) > fewOpen; {
		began, left := time.Now(), len(r.open)
		if err := r.look(ctx); err != nil {
			return err
		}
		if len(r.open) < left {
			pause.Reset()
		}
		if err := backoff.Sleep(ctx, max(pause.Next(), time.Since(began))); err != nil {
			return err
		}
	}
	for len(r.open) > 0 {
		id := slices.Min(slices.Collect(maps.Keys(r.open)))
		end, err := r.config.Client.Wait(ctx, id)
		if err != nil {
			return fmt.Errorf("watch invocation %s: %w", id, err)
		}
		if err := r.ended(end); err != nil {
			return err
		}
	}
	return nil
}

// look reads the list of the job's invocations as far back as the oldest open one.
func (r *Run) look(ctx context.Context) error {
	oldest := slices.Min(slices.Collect(maps.Keys(r.open)))
	for i, err := range r.config.Client.Invocations(ctx, &runwith.ListOptions{Job: r.config.Job, PageSize: 1000}) {
		if err != nil {
			return passing(err)
		}
		if i.ID < oldest { // IDs are in the order of acceptance
			return nil
		}
		if i.State.Settled() {
			if err := r.ended(i); err != nil {
				return err
			}
		}
		if i.ID == oldest {
			return nil
		}
	}
	// The list does not show the oldest one, so the caller may not see it.
	_, err := r.config.Client.Invocation(ctx, oldest)
	if err = passing(err); err != nil {
		return fmt.Errorf("watch invocation %s: %w", oldest, err)
	}
	return nil
}

// ended notes the end of an invocation for each of its lines. It is a no-op if the invocation is
// not open.
func (r *Run) ended(i *runwith.Invocation) error {
	lines := r.open[i.ID]
	delete(r.open, i.ID)
	for _, line := range lines {
		if err := r.settled(line, i); err != nil {
			return err
		}
	}
	return nil
}

// settled notes the end of a line's invocation.
func (r *Run) settled(line int, i *runwith.Invocation) error {
	r.tally.end(i.State)
	if i.State != runwith.StateSucceeded {
		reason := ""
		if i.Error != nil {
			reason = ": " + i.Error.Message
		}
		r.note("%s: invocation %s %s%s", r.config.Requests.Place(line), i.ID, i.State, reason)
	}
	r.progress()
	return r.config.Print(i)
}

// passing returns an error unless it may pass.
func passing(err error) error {
	switch runwith.CodeOf(err) {
	case runwith.Unavailable, runwith.DeadlineExceeded, runwith.ResourceExhausted, runwith.Internal, runwith.Unknown:
		return nil
	}
	return err
}
