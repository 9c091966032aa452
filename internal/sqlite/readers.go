package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/runwith/runwith/internal/descriptor"
)

// readers is a pool of connections for reading, each with its own prepared statements. A
// read needs exactly one connection, so reads cannot deadlock.
type readers struct {
	pool  *sql.DB
	slots chan struct{} // has one for each connection that may be in use

	mu     sync.Mutex
	idle   []*reader // open connections; the one used last is the next, so that few are opened
	closed bool
}

type reader struct {
	conn  *sql.Conn
	cache *statements
}

func newReaders(pool *sql.DB) *readers {
	n := max(4, runtime.GOMAXPROCS(0))
	if limit := descriptor.Limit(); limit > 0 {
		n = max(2, min(n, limit/16)) // each has two descriptors
	}
	return &readers{pool: pool, slots: make(chan struct{}, n)}
}

// read runs f on one snapshot.
func (r *readers) read(ctx context.Context, f func(*Tx) error) (err error) {
	one, err := r.take(ctx)
	if err != nil {
		return err
	}
	defer r.put(one)
	// Do not use ctx: the transaction must be closed even if ctx ends in between, also
	// when the statement is first prepared on this connection.
	always := context.WithoutCancel(ctx)
	tx := &Tx{ctx: ctx, stmt: func(query string) (*sql.Stmt, error) { return one.cache.prepare(always, query) }}
	end := &Tx{ctx: always, stmt: tx.stmt}
	if _, err := end.Exec("BEGIN"); err != nil {
		return fmt.Errorf("begin read: %w", err)
	}
	defer func() { // also if f panics
		if _, ended := end.Exec("ROLLBACK"); ended != nil {
			err = errors.Join(err, fmt.Errorf("end read: %w", ended))
		}
	}()
	return f(tx)
}

// take returns a connection, and waits for one if all are in use. The caller puts it back.
func (r *readers) take(ctx context.Context) (*reader, error) {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	one, err := r.pop()
	if one == nil && err == nil {
		one, err = r.open(ctx)
	}
	if err != nil {
		<-r.slots
	}
	return one, err
}

// pop takes the idle connection that was used last, or returns nil if none is idle.
func (r *readers) pop() (one *reader, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errClosed
	}
	if last := len(r.idle) - 1; last >= 0 {
		one, r.idle = r.idle[last], r.idle[:last]
	}
	return one, nil
}

func (r *readers) put(one *reader) {
	r.mu.Lock()
	r.idle = append(r.idle, one)
	r.mu.Unlock()
	<-r.slots
}

func (r *readers) open(ctx context.Context) (*reader, error) {
	conn, err := r.pool.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open connection: %w", err)
	}
	return &reader{conn: conn, cache: newStatements(conn.PrepareContext)}, nil
}

// texts returns the statements of the idle connections.
func (r *readers) texts() (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.idle {
		all = append(all, one.cache.texts()...)
	}
	return all
}

// close waits for running reads and closes the connections.
func (r *readers) close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	for range cap(r.slots) {
		r.slots <- struct{}{}
	}
	var errs []error
	for _, one := range r.idle {
		errs = append(errs, one.cache.close(), one.conn.Close())
	}
	for range cap(r.slots) {
		<-r.slots // a later read finds the pool closed
	}
	return errors.Join(errs...)
}
