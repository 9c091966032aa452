package main

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
)

const (
	// pollEvery is the pause of a poller between an answer and its next request.
	pollEvery = 200 * time.Microsecond
	// pollTarget bounds a polled run, as a multiple of a run that WaitOperation watches.
	pollTarget = 1.3

	// cpuReference is the processor time of a polled run, in seconds, before executions
	// that run were read from memory. README.md explains how to measure it again.
	cpuReference = 0.0019
	// cpuTarget bounds the processor time of a polled run, in seconds.
	cpuTarget = cpuReference / 2
	// cpuRuns is the number of runs in one round, at least: the kernel counts processor
	// time in steps of 10 ms.
	cpuRuns = 100
)

// measurePoll measures polled runs and runs that WaitOperation watches, by turns.
func measurePoll(ctx context.Context, b *bench) ([]row, error) {
	c, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	times, err := interleave(ctx, plan{b.n, streak}, timed(c.runOne), timed(c.pollOne))
	if err != nil {
		return nil, err
	}
	return []row{newRow("a run of `true`, polled every 0.2 ms", seconds, times[1]).
		beside("the same, watched by WaitOperation", times[0]).times(pollTarget)}, nil
}

// measureCPU measures the processor time of polled runs.
func measureCPU(ctx context.Context, b *bench) ([]row, error) {
	c, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	runs := max(cpuRuns, b.n)
	times, err := interleave(ctx, plan{min(rounds, b.n), 1}, func(ctx context.Context) (float64, error) {
		before, err := b.up.processorTime(ctx)
		if err != nil {
			return 0, err
		}
		for range runs {
			if err := c.pollOne(ctx); err != nil {
				return 0, err
			}
		}
		after, err := b.up.processorTime(ctx)
		return (after - before) / float64(runs), err
	})
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("the server's processor time for a polled run; it was %s", seconds.format(cpuReference))
	return []row{newRow(what, seconds, times[0]).within(cpuTarget)}, nil
}

// pollOne runs a job and polls its execution until that has ended.
func (c *cloudRun) pollOne(ctx context.Context) error {
	op, err := c.start(ctx, jobID)
	if err != nil {
		return err
	}
	x, err := op.Metadata()
	if err != nil {
		return fmt.Errorf("read the execution's name: %w", err)
	}
	for x.CompletionTime == nil {
		nap(pollEvery)
		if x, err = c.executions.GetExecution(ctx, &runpb.GetExecutionRequest{Name: x.Name}); err != nil {
			return fmt.Errorf("poll the execution: %w", err)
		}
	}
	if x.SucceededCount != 1 {
		return fmt.Errorf("the run failed: %v", x.Conditions)
	}
	return nil
}
