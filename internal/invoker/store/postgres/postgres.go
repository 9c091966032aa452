// Package postgres keeps invocations in PostgreSQL, which any number of processes share.
// Package store has the contract, and package ledger makes the decisions.
//
// Transactions are READ COMMITTED. What a decision counts, it locks first, always in this
// order, so that two transactions never wait for each other:
//
//  1. buckets, by name         the rows of token buckets
//  2. slots, by hash of key    an advisory lock for each concurrency key
//  3. budgets                  one advisory lock for all of them
//  4. invocations, by ID       the rows themselves; claiming skips those that are locked
//  5. lanes                    one advisory lock for the leases of deliveries
//  6. deliveries, by ID        leasing skips those that are locked
//
// Every move is a compare-and-set on a row's version and state all the same. The locks keep
// counts true: two transactions cannot both see the last free slot.
package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/runwith/runwith/internal/bell"
	"github.com/runwith/runwith/internal/changes"
	"github.com/runwith/runwith/internal/invoker/store"
)

// Options say where a store is, and how it is opened.
type Options struct {
	// URL is a connection string as libpq takes it: postgres://user@host:5432/database. Its
	// parameters may have those of pgxpool, such as pool_max_conns. Required.
	URL string
	// Migrate brings an older schema up to date. Without it, an older schema is an error.
	Migrate bool
	// Logger takes what no caller gets as an error; nil drops it.
	Logger *slog.Logger
}

// Store is one process's part in a store that several share. Its methods may be called
// concurrently.
type Store struct {
	pool    *pgxpool.Pool
	holder  string // of leases
	pooled  bool   // a pooler stands before the database
	system  string // identifier of the database cluster; empty: unknown
	logger  *slog.Logger
	clock   clock
	full    atomic.Pointer[time.Time] // when a write last failed because of a full disk
	changed changes.Feed[string]      // by invocation
	added   bell.Bell                 // holds one when deliveries were added
	hints   *hints
	hears   atomic.Bool // hints of others arrive
	counters
	close context.CancelFunc
	work  sync.WaitGroup
}

var _ store.Store = (*Store)(nil)

// Open connects to a store, and prepares its schema as the options say. The error says which
// part failed: the connection, the permission, or the schema. The caller closes the store.
func Open(ctx context.Context, o Options) (*Store, error) {
	pool, pooled, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	logger := o.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{pool: pool, pooled: pooled, holder: uuid.NewString(), logger: logger, added: bell.New(), hints: newHints(), counters: newCounters()}
	if err := s.prepare(ctx, o.Migrate); err != nil {
		pool.Close()
		return nil, err
	}
	background, cancel := context.WithCancel(context.Background())
	s.close = cancel
	s.work.Go(func() { s.tellTime(background) })
	s.work.Go(func() { s.send(background) })
	s.work.Go(func() { s.look(background) })
	if !pooled {
		s.work.Go(func() { s.listen(background) })
	}
	return s, nil
}

func (s *Store) prepare(ctx context.Context, migrates bool) error {
	if err := prepareSchema(ctx, s.pool, migrates); err != nil {
		return err
	}
	if err := s.sampleClock(ctx, firstSamples); err != nil {
		return fmt.Errorf("read the database's clock: %w", shown(err))
	}
	return s.identify(ctx)
}

// Close ends the process's leases and its connections.
func (s *Store) Close() error {
	s.close()
	s.work.Wait()
	s.releaseAll()
	s.pool.Close()
	return nil
}

// Subscribe implements [store.Store].
func (s *Store) Subscribe(id string) (changed <-chan struct{}, leave func()) {
	return s.changed.Subscribe(id)
}

// Added implements [store.Store].
func (s *Store) Added() <-chan struct{} { return s.added }
