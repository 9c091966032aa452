package main

import (
	"context"
	"fmt"
)

const (
	// runTarget and durableTarget bound a run, as a multiple of its floors: a bare
	// process, and a bare process with two commits and one call.
	runTarget, durableTarget = 2.5, 1.2
	// runsTarget bounds the runs of several clients: 65 % of the rate of the durable
	// floor.
	runsTarget = 1 / 0.65
)

// measureRun measures sequential runs.
func measureRun(ctx context.Context, b *bench) ([]row, error) {
	c, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	times, err := interleave(ctx, plan{b.n, streak}, timed(b.floor.fork), timed(b.floor.durable), timed(c.runOne))
	if err != nil {
		return nil, err
	}
	return []row{
		newRow("a run of `true`, RunJob to done", seconds, times[2]).beside(forkFloor, times[0]).times(runTarget),
		newRow("the same", seconds, times[2]).beside(durableFloor, times[1]).times(durableTarget),
	}, nil
}

// measureRuns measures concurrent runs. Each client has its own connection.
func measureRuns(ctx context.Context, b *bench) ([]row, error) {
	if _, err := b.open(ctx); err != nil {
		return nil, err
	}
	clients := make([]*cloudRun, b.clientsOr(16))
	for i := range clients {
		c, err := dial(ctx, b.up.addr)
		if err != nil {
			return nil, err
		}
		defer c.close() //nolint:errcheck // nothing is under way
		clients[i] = c
	}
	each := func(f func(context.Context) error) probe {
		return rate(len(clients), 2*b.n, func(ctx context.Context, _ int) error { return f(ctx) })
	}
	rates, err := interleave(ctx, plan{min(rounds, b.n), 1}, each(b.floor.fork), each(b.floor.durable),
		rate(len(clients), 2*b.n, func(ctx context.Context, i int) error { return clients[i].runOne(ctx) }))
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("runs of `true`, %d clients", len(clients))
	return []row{
		newRow(what, perSecond, rates[2]).beside(fmt.Sprintf("%s, %d goroutines", forkFloor, len(clients)), rates[0]),
		newRow("the same", perSecond, rates[2]).beside(durableFloor, rates[1]).times(runsTarget),
	}, nil
}
