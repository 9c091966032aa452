package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// quiet is the pause between two probes, in which what the one before has left
	// to do comes to its end.
	quiet = 20 * time.Millisecond
	// streak is how many samples of a call one turn takes: a caller that goes on
	// without a pause.
	streak = 20
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

// plan is how many samples are taken of each probe, and how many in one turn.
type plan struct{ samples, turn int }

// interleave takes samples of the probes by turns, so that what else happens on the
// machine happens to all of them. The first turn does not count.
func interleave(ctx context.Context, p plan, probes ...probe) ([][]float64, error) {
	all := make([][]float64, len(probes))
	warmUp := p.turn
	for len(all[0]) < p.samples+warmUp {
		for i, probe := range probes {
			turn, err := take(ctx, p.turn, probe)
			if err != nil {
				return nil, err
			}
			all[i] = append(all[i], turn...)
		}
	}
	for i := range all {
		all[i] = all[i][warmUp:]
	}
	return all, nil
}

// take takes n samples of a probe, one after the other.
func take(ctx context.Context, n int, p probe) (samples []float64, err error) {
	if err := pause(ctx, quiet); err != nil {
		return nil, err
	}
	for range n {
		sample, err := p(ctx)
		if err != nil {
			return nil, err
		}
		samples = append(samples, sample)
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
