package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"

	"github.com/runwith/runwith/internal/descriptor"
)

// readers is a pool of connections for reading, each with its own prepared statements. A
// read needs exactly one connection, so reads cannot deadlock.
type readers struct {
	pool *sql.DB
	idle chan *reader // nil stands for a connection that was never opened
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
	r := &readers{pool: pool, idle: make(chan *reader, n)}
	for range n {
		r.idle <- nil
	}
	return r
}

// read runs f on one snapshot.
func (r *readers) read(ctx context.Context, f func(*Tx) error) (err error) {
	one, err := r.take(ctx)
	if err != nil {
		return err
	}
	defer func() { r.idle <- one }()
	if one == nil {
		if one, err = r.open(ctx); err != nil {
			return err
		}
	}
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

func (r *readers) take(ctx context.Context) (*reader, error) {
	select {
	case one, open := <-r.idle:
		if !open {
			return nil, errClosed
		}
		return one, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *readers) open(ctx context.Context) (*reader, error) {
	conn, err := r.pool.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open connection: %w", err)
	}
	return &reader{conn: conn, cache: newStatements(conn.PrepareContext)}, nil
}

// close waits for running reads and closes the connections.
func (r *readers) close() error {
	var errs []error
	for range cap(r.idle) {
		if one := <-r.idle; one != nil {
			errs = append(errs, one.cache.close(), one.conn.Close())
		}
	}
	close(r.idle)
	return errors.Join(errs...)
}
