package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/postgrestest"
)

// fleet is invokers that share a PostgreSQL, in front of a recorder.
type fleet struct {
	recorder *recorder
	store    *pgx.Conn // the database, to look at its counters
	client   *http.Client
	servers  []*server
	addrs    []string
}

func newClient(connections int) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
}

// openFleet starts n invokers on a new database. The caller closes them.
func openFleet(ctx context.Context, b *bench, cluster *postgrestest.Cluster, name string, n int) (_ *fleet, err error) {
	f := &fleet{client: newClient(b.clientsOr(32))}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	address, err := cluster.NewDatabase(name)
	if err != nil {
		return nil, err
	}
	if f.recorder, err = startRecorder(ctx); err != nil {
		return nil, err
	}
	for range n {
		s, err := start(ctx, b.progress, readyLine, "env", "RUNWITH_STORE="+address, b.binary, "serve",
			"--allow-unauthenticated", "--addr", "127.0.0.1:0", "--endpoint", "http://"+f.recorder.addr)
		if err != nil {
			return nil, err
		}
		f.servers, f.addrs = append(f.servers, s), append(f.addrs, s.addr)
	}
	f.store, err = pgx.Connect(ctx, address)
	return f, err
}

func (f *fleet) close() error {
	f.client.CloseIdleConnections()
	var errs []error
	for _, s := range f.servers {
		errs = append(errs, s.stop())
	}
	if f.store != nil {
		errs = append(errs, f.store.Close(context.Background()))
	}
	if f.recorder != nil {
		errs = append(errs, f.recorder.close())
	}
	return errors.Join(errs...)
}

// accept measures how many requests a second are accepted. Each client has its invoker.
func (f *fleet) accept(b *bench, clients int) probe {
	return rate(clients, 4*b.n, func(ctx context.Context, client int) error {
		return invoke(ctx, f.client, "http://"+f.addrs[client%len(f.addrs)]+invocationsPath)
	})
}

// acceptAll is accept. It returns when the accepted invocations have ended.
func (f *fleet) acceptAll(b *bench, clients int) probe {
	return func(ctx context.Context) (float64, error) {
		perSecond, err := f.accept(b, clients)(ctx)
		return perSecond, errors.Join(err, drain(ctx, f.addrs[0]))
	}
}

// troubles counts the deadlocks and the transactions that did not commit.
func (f *fleet) troubles(ctx context.Context) (n float64, err error) {
	err = f.store.QueryRow(ctx, `SELECT xact_rollback + deadlocks FROM pg_stat_database WHERE datname = current_database()`).Scan(&n)
	return n, err
}

func (f *fleet) post(ctx context.Context) error {
	return invoke(ctx, f.client, "http://"+f.addrs[0]+invocationsPath)
}

// arrive measures the time from the request until RunJob arrives.
func (f *fleet) arrive(ctx context.Context) (float64, error) {
	began := time.Now()
	at, err := f.recorder.arrival(ctx, f.post)
	return at.Sub(began).Seconds(), err
}

// commits counts the transactions that write from the request until RunJob arrives: each takes the
// next number.
func (f *fleet) commits(ctx context.Context) (n float64, err error) {
	before, err := f.nextTransaction(ctx)
	if err != nil {
		return 0, err
	}
	if _, err := f.recorder.arrival(ctx, f.post); err != nil {
		return 0, err
	}
	after, err := f.nextTransaction(ctx)
	return float64(after - before), err
}

func (f *fleet) nextTransaction(ctx context.Context) (n int64, err error) {
	err = f.store.QueryRow(ctx, `SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint`).Scan(&n)
	return n, err
}
