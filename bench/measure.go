package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/runwith/runwith/internal/backoff"
)

const (
	// quiet is the pause between two turns, in which background work of the first ends.
	quiet = 20 * time.Millisecond
	// streak is the number of samples of a call in one turn, without a pause between them.
	streak = 20
	// rounds is the number of measurements of a rate.
	rounds = 7
)

// probe measures once. It returns seconds, or a number per second.
type probe func(context.Context) (float64, error)

// timed measures the duration of f.
func timed(f func(context.Context) error) probe {
	return func(ctx context.Context) (float64, error) {
		start := time.Now()
		err := f(ctx)
		return time.Since(start).Seconds(), err
	}
}

// rate measures how often per second concurrent clients do f, in total times. f gets the
// index of its client.
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

// plan is the number of samples of each probe, and the number in one turn.
type plan struct{ samples, turn int }

// interleave takes samples of the probes in turns, so that other load on the machine affects
// all of them. It discards the first turn.
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

// pause waits. It returns an error as soon as ctx ends.
func pause(ctx context.Context, d time.Duration) error { return backoff.Sleep(ctx, d) }
