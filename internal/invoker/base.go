package invoker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/invoker/lease"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

const (
	// readTimeout bounds a read of a job or of a page of executions, and a cancel.
	readTimeout = 10 * time.Second
	// storeRetry is the first wait after the store failed, such as on a full disk, and
	// maxStoreRetry the longest. Processes that share a store do not ask it in step.
	storeRetry, maxStoreRetry = time.Second, 5 * time.Second
	// idle is how long a part sleeps that expects nothing, and idleShared if other processes may
	// have something for it.
	idle, idleShared = time.Minute, time.Second
)

// base is what every part of the invoker stands on.
type base struct {
	config  Config
	store   store.Store
	cloud   CloudRun
	logger  *slog.Logger
	closing context.Context // the invoker's own life, not a request's
	next    *handover

	counters *counters

	reads  gate // of jobs and executions
	reach  reach
	leases *lease.Keeper
}

// newStoreRetry returns the waits after failures of the store.
func newStoreRetry() backoff.Backoff { return backoff.Backoff{Min: storeRetry, Max: maxStoreRetry} }

func newBase(config Config) *base {
	c := newCounters()
	return &base{
		config: config, store: config.Store, cloud: config.CloudRun, logger: config.Logger,
		next:     newHandover(config, c),
		counters: c,
		leases:   lease.New(config.Store, config.Logger),
		reads:    gate{name: readsGate, quota: config.Limits.Reads},
	}
}

// move makes a transition. If another one was faster, that one counts, and it is no error.
func (b *base) move(from, to ledger.Record) error {
	moved, err := b.store.Move(context.Background(), ledger.Move{From: from, To: to})
	switch {
	case errors.Is(err, store.ErrStale):
		return nil
	case err != nil:
		return fmt.Errorf("invocation %s: %w", from.ID, err)
	}
	b.next.moved(from, moved)
	return nil
}

// storeFailed logs an error of the store, unless it comes from closing, or means that
// another transition was faster.
func (b *base) storeFailed(what string, err error, args ...any) {
	if errors.Is(err, store.ErrStale) || b.closing.Err() != nil && errors.Is(err, context.Canceled) {
		return
	}
	b.logger.Error("store: "+what, append(args, "error", err)...)
}

// sleep returns after a duration, or when the invoker closes.
func (b *base) sleep(d time.Duration) { _ = backoff.Sleep(b.closing, d) }
