package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
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
	// cancelsAtOnce is how many invocations are cancelled at the same time after Ctrl-C.
	cancelsAtOnce = 8
)

// follow waits until all invocations have ended.
func (e *eachRun) follow(ctx context.Context) error {
	for pause := (backoff.Backoff{Min: minLook, Max: maxLook}); len(e.open) > fewOpen; {
		began, left := time.Now(), len(e.open)
		if err := e.look(ctx); err != nil {
			return err
		}
		if len(e.open) < left {
			pause.Reset()
		}
		if err := backoff.Sleep(ctx, max(pause.Next(), time.Since(began))); err != nil {
			return err
		}
	}
	for len(e.open) > 0 {
		id := slices.Min(slices.Collect(maps.Keys(e.open)))
		end, err := e.client.Wait(ctx, id)
		if err != nil {
			return fmt.Errorf("watch invocation %s: %w", id, err)
		}
		if err := e.settled(e.open[id], end); err != nil {
			return err
		}
	}
	return nil
}

// look reads the list of the job's invocations as far back as the oldest open one.
func (e *eachRun) look(ctx context.Context) error {
	oldest := slices.Min(slices.Collect(maps.Keys(e.open)))
	for i, err := range e.client.Invocations(ctx, &runwith.ListOptions{Job: e.job, PageSize: 1000}) {
		if err != nil {
			return passing(err)
		}
		if i.ID < oldest { // IDs are in the order of acceptance
			return nil
		}
		if line, open := e.open[i.ID]; open && i.State.Settled() {
			if err := e.settled(line, i); err != nil {
				return err
			}
		}
		if i.ID == oldest {
			return nil
		}
	}
	// The list does not show the oldest one, so the caller may not see it.
	_, err := e.client.Invocation(ctx, oldest)
	if err = passing(err); err != nil {
		return fmt.Errorf("watch invocation %s: %w", oldest, err)
	}
	return nil
}

// passing returns an error unless it may pass.
func passing(err error) error {
	switch runwith.CodeOf(err) {
	case runwith.Unavailable, runwith.DeadlineExceeded, runwith.ResourceExhausted, runwith.Internal, runwith.Unknown:
		return nil
	}
	return err
}

// interrupted cancels the open invocations after Ctrl-C. Those of a detached run continue.
func (e *eachRun) interrupted(ctx context.Context) error {
	e.progress.Close()
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
	defer stop()
	ids := make(chan string, len(e.open))
	for id := range e.open {
		ids <- id
	}
	close(ids)
	var (
		work      sync.WaitGroup
		cancelled atomic.Int64
	)
	for range cancelsAtOnce {
		work.Go(func() {
			for id := range ids {
				if _, err := e.client.Cancel(ctx, id); err == nil {
					cancelled.Add(1)
				}
			}
		})
	}
	work.Wait()
	e.note("cancelled %d of %d invocations that had not ended; %s had been sent", cancelled.Load(), len(e.open), countLines(e.tally.accepted()))
	return &exitError{code: exitInterrupted}
}
