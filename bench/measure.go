package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// quiet is the pause before each measurement, in which what the one before
	// has left to do comes to its end.
	quiet = 2 * time.Millisecond
	// rounds is how often a rate is measured.
	rounds = 7
)

// probe measures once: seconds, or how many a second.
type probe func(context.Context) (float64, error)

// timed measures how long f takes.
func timed(f func(context.Context) error) probe {
	return func(ctx context.Context) (float64, error) {
		start := time.Now()
		err := f(ctx)
		return time.Since(start).Seconds(), err
	}
}

// rate measures how often a second f is done by clients that work at the same
// time, total times altogether. f is told which client it is.
func rate(clients, total int, f func(ctx context.Context, client int) error) probe {
	return func(ctx context.Context) (float64, error) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		var (
			left atomic.Int64
			wg   sync.WaitGroup
		)
		left.Store(int64(total))
		start := time.Now()
		for client := range clients {
			wg.Go(func() {
				for ctx.Err() == nil && left.Add(-1) >= 0 {
					if err := f(ctx, client); err != nil {
						cancel(err)
					}
				}
			})
		}
		wg.Wait()
		return float64(total) / time.Since(start).Seconds(), context.Cause(ctx)
	}
}

// interleave takes n samples of each probe, by turns, so that what else happens
// on the machine happens to all of them. A first turn does not count.
func interleave(ctx context.Context, n int, probes ...probe) ([][]float64, error) {
	samples := make([][]float64, len(probes))
	for turn := range n + 1 {
		for i, p := range probes {
			if err := pause(ctx, quiet); err != nil {
				return nil, err
			}
			sample, err := p(ctx)
			if err != nil {
				return nil, err
			}
			if turn > 0 {
				samples[i] = append(samples[i], sample)
			}
		}
	}
	return samples, nil
}

// pause waits, and returns early with an error when ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
