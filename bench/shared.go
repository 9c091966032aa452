package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/postgrestest"
)

const (
	// sharedTarget bounds acceptance with PostgreSQL, as a multiple of a handler that does one commit
	// there: half of its rate.
	sharedTarget = 2
	// replicasTarget bounds acceptance by several replicas, as a multiple of one: 0.9 of its rate.
	replicasTarget = 1 / 0.9
	// sharedArrivalTarget bounds the way to RunJob, in commits: their number, and the time.
	sharedArrivalTarget = 6
	// troublesOf is the row that should be 0.
	troublesOf = "their deadlocks and transactions that failed"
	// replicas is how many invokers share a store.
	replicas = 3
)

// measureShared measures invokers with PostgreSQL: one that has it for itself, and several that
// share one. Without PostgreSQL's programs it measures nothing.
func measureShared(ctx context.Context, b *bench) (_ []row, err error) {
	cluster, address, err := postgrestest.Open(postgrestest.Options{})
	if errors.Is(err, postgrestest.ErrNoPrograms) {
		fmt.Fprintf(b.progress, "not measured: %v\n", err)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	defer func() { err = errors.Join(err, cluster.Close()) }()
	floor, err := start(ctx, b.progress, "floor is ready at ", b.floor.binary, address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, floor.stop()) }()
	one, err := openFleet(ctx, b, cluster, "one", 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, one.close()) }()
	several, err := openFleet(ctx, b, cluster, "several", replicas)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, several.close()) }()
	rows, err := b.sharedRates(ctx, floor.addr, one, several)
	if err != nil {
		return nil, err
	}
	way, err := b.sharedArrival(ctx, address, one)
	return append(rows, way...), err
}

// sharedRates measures the rates of acceptance in turns, and what the replicas did to each other.
func (b *bench) sharedRates(ctx context.Context, floor string, one, several *fleet) ([]row, error) {
	n := b.clientsOr(32)
	bare := &fleet{client: newClient(n), addrs: []string{floor}}
	defer bare.client.CloseIdleConnections()
	before, err := several.troubles(ctx)
	if err != nil {
		return nil, err
	}
	rates, err := interleave(ctx, plan{min(rounds, b.n), 1}, bare.accept(b, n), one.acceptAll(b, n), several.acceptAll(b, n))
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, 6*b.rest); err != nil { // PostgreSQL's idle processes count every ten seconds
		return nil, err
	}
	after, err := several.troubles(ctx)
	if err != nil {
		return nil, err
	}
	return []row{
		newRow(fmt.Sprintf("accepted with PostgreSQL, %d clients", n), perSecond, rates[1]).
			beside("net/http handler with one commit of PostgreSQL", rates[0]).times(sharedTarget),
		newRow(fmt.Sprintf("accepted by %d replicas, %d clients", replicas, n), perSecond, rates[2]).
			beside("one replica", rates[1]).times(replicasTarget),
		newRow(troublesOf, number, []float64{after - before}).within(0),
	}, nil
}

// sharedArrival measures an idle invoker.
func (b *bench) sharedArrival(ctx context.Context, floor string, f *fleet) (_ []row, err error) {
	bare, err := pgx.Connect(ctx, floor)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bare.Close(context.WithoutCancel(ctx))) }()
	commit := timed(func(ctx context.Context) error {
		_, err := bare.Exec(ctx, `INSERT INTO requests (message) VALUES ($1)`, make([]byte, record))
		return err
	})
	times, err := interleave(ctx, plan{b.n, 1}, commit, f.arrive, f.commits)
	if err != nil {
		return nil, err
	}
	const arrival = "POST until RunJob arrives, idle, with PostgreSQL"
	return []row{
		newRow(arrival, seconds, times[1]).beside("one commit of PostgreSQL", times[0]).times(sharedArrivalTarget),
		newRow("transactions that write, until then", number, times[2]).within(sharedArrivalTarget),
	}, nil
}
