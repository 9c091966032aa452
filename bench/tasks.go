package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	// wideJob has wideTasks tasks, and runs wideWidth of them at once.
	wideJob   = "bench-wide"
	wideTasks = 1000
	wideWidth = 8
	// wideTarget is 75 % of the rate of bare processes.
	wideTarget = 1 / 0.75

	// largeJob has the largest number of tasks on Cloud Run. Its execution must be accepted
	// within the time of largeCommits commits of one row, or within largeTime if that is
	// longer, and must add at most largeMemory.
	largeJob     = "bench-large"
	largeCommits = 40
	largeTime    = 0.150 // seconds
	largeMemory  = 100 << 20
	memoryAdded  = "memory that it adds, at most"
	// largeRounds is the number of its runs, which take some seconds.
	largeRounds = 3
)

// measureTasks measures an execution of many tasks.
func measureTasks(ctx context.Context, b *bench) ([]row, error) {
	c, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.createJob(ctx, wideJob, wideTasks, wideWidth); err != nil {
		return nil, err
	}
	rates, err := interleave(ctx, plan{min(rounds, b.n), 1},
		rate(wideWidth, wideTasks, func(ctx context.Context, _ int) error { return b.floor.fork(ctx) }),
		func(ctx context.Context) (float64, error) {
			took, err := timed(func(ctx context.Context) error { return c.run(ctx, wideJob) })(ctx)
			return wideTasks / took, err
		})
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("tasks of `true`, %d in one run, %d at once", wideTasks, wideWidth)
	return []row{newRow(what, perSecond, rates[1]).
		beside(fmt.Sprintf("%s, %d goroutines", forkFloor, wideWidth), rates[0]).times(wideTarget)}, nil
}

// measureLarge measures the largest possible execution: the time until it is accepted, and
// the additional memory of the server until its end.
func measureLarge(ctx context.Context, b *bench) ([]row, error) {
	c, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.createJob(ctx, largeJob, int32(b.tasks), 0); err != nil {
		return nil, err
	}
	before, err := b.up.resident(ctx)
	if err != nil {
		return nil, err
	}
	var grown, rates []float64
	commits := func(ctx context.Context) error {
		for range largeCommits {
			if _, err := b.floor.insert(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	accepted := func(ctx context.Context) (float64, error) {
		start := time.Now()
		op, err := c.start(ctx, largeJob)
		if err != nil {
			return 0, err
		}
		took := time.Since(start).Seconds()
		most, err := b.up.most(ctx, func(ctx context.Context) error { return c.wait(ctx, op.Name()) })
		// The server may hold less than before, because it returns unused memory later.
		grown, rates = append(grown, max(0, most-before)), append(rates, float64(b.tasks)/time.Since(start).Seconds())
		return took, err
	}
	times, err := interleave(ctx, plan{min(largeRounds, b.n), 1}, timed(commits), accepted)
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("an execution of %d tasks", b.tasks)
	accept := newRow(what+" accepted", seconds, times[1]).beside(fmt.Sprintf("%d commits of one row", largeCommits), times[0])
	if accept.Floor.Median < largeTime {
		accept = accept.within(largeTime)
	} else {
		accept = accept.times(1)
	}
	return []row{
		accept,
		newRow("its tasks", perSecond, rates),
		newRow(memoryAdded, bytesHeld, grown).within(largeMemory),
	}, nil
}

// most returns the largest memory of a server while f works, in bytes.
func (s *server) most(ctx context.Context, f func(context.Context) error) (float64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var ended atomic.Bool
	go func() {
		if err := f(ctx); err != nil {
			cancel(err)
		}
		ended.Store(true)
	}()
	var most float64
	for !ended.Load() {
		now, err := s.resident(ctx)
		if err != nil {
			return 0, err
		}
		most = max(most, now)
		if err := pause(ctx, quiet); err != nil {
			return 0, err
		}
	}
	return most, context.Cause(ctx)
}
