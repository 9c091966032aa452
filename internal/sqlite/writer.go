package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/disk"
)

// maxBatch limits the number of writes in a commit, and so the wait of the first one.
const maxBatch = 256

var errClosed = runwith.Errorf(runwith.Unavailable, "the server is stopping: try again later")

// writer is the only goroutine that writes.
type writer struct {
	path    string
	reserve *disk.Reserve
	conn    *sql.Conn
	cache   *statements
	tx      *Tx

	counters counters

	queue chan *pending
	done  chan struct{} // closed when the goroutine has ended

	version atomic.Uint64 // odd during the end of a transaction

	mu     sync.RWMutex // guards closed against sends on queue
	closed bool
}

// pending is a write that waits for its turn, and then for its commit.
type pending struct {
	ctx    context.Context //nolint:containedctx // passes with the request to the writer's goroutine
	f      func(*Tx) error
	adds   bool                   // new work, which gets nothing of the reserve
	ends   []func(committed bool) // see Tx.OnEnd
	err    error
	panics any
	done   chan struct{}
}

func (p *pending) failed() bool { return p.err != nil || p.panics != nil }

// tell calls the functions of Tx.OnEnd, once.
func (p *pending) tell(committed bool) {
	if !committed {
		slices.Reverse(p.ends)
	}
	for _, f := range p.ends {
		f(committed)
	}
	p.ends = nil
}

func startWriter(path string, conn *sql.Conn, reserve *disk.Reserve) *writer {
	w := &writer{
		path:    path,
		reserve: reserve,
		conn:    conn,

		counters: newCounters(path),

		cache: newStatements(conn.PrepareContext),
		queue: make(chan *pending, maxBatch),
		done:  make(chan struct{}),
	}
	ctx := context.Background()
	w.tx = &Tx{ctx: ctx, stmt: func(query string) (*sql.Stmt, error) { return w.cache.prepare(ctx, query) }}
	go w.loop()
	return w
}

func (w *writer) write(p *pending) error {
	p.done = make(chan struct{})
	if err := w.enqueue(p); err != nil {
		return err
	}
	<-p.done
	if p.panics != nil {
		panic(p.panics)
	}
	return p.err
}

func (w *writer) enqueue(p *pending) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return errClosed
	}
	select {
	case w.queue <- p:
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

func (w *writer) close() error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	<-w.done
	return errors.Join(w.cache.close(), w.conn.Close())
}

func (w *writer) loop() {
	defer close(w.done)
	for first := range w.queue {
		batch, began := w.gather(first), time.Now()
		w.commitWithReserve(batch)
		w.counters.committed(began, len(batch))
		for _, p := range batch {
			close(p.done)
		}
	}
}

// gather returns first together with all writes that already wait, up to maxBatch.
func (w *writer) gather(first *pending) []*pending {
	batch := []*pending{first}
	for len(batch) < maxBatch {
		select {
		case p, open := <-w.queue:
			if !open {
				return batch
			}
			batch = append(batch, p)
		default:
			return batch
		}
	}
	return batch
}

// commitWithReserve commits a batch. If the disk is full, it spends the reserve and commits again
// what was not committed, without new work.
func (w *writer) commitWithReserve(batch []*pending) {
	w.commit(batch)
	if !slices.ContainsFunc(batch, func(p *pending) bool { return full(p.err) }) {
		return
	}
	// Some may be committed: if a statement has a journal of its own, SQLite undoes just that.
	again := slices.DeleteFunc(slices.Clone(batch), func(p *pending) bool { return p.adds || !p.failed() || p.panics != nil })
	if len(again) == 0 {
		return
	}
	w.reserve.Spend()
	// Committed pages move from the WAL to the database, so that the WAL need not grow.
	_ = w.exec("PRAGMA wal_checkpoint(PASSIVE)") // as far as there is room
	w.commit(again)
}

// commit runs a batch in one transaction and stores each write's result in it.
func (w *writer) commit(batch []*pending) {
	for _, p := range batch {
		p.err = nil
	}
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		fail(batch, err)
		return
	}
	good := 0
	for _, p := range batch {
		if len(batch) == 1 {
			w.call(p)
		} else if err := w.isolated(p); err != nil {
			_ = w.exec("ROLLBACK") // if the transaction is still open
			fail(batch, err)
			return
		}
		if !p.failed() {
			good++
		}
	}
	end := "COMMIT"
	if good == 0 {
		end = "ROLLBACK"
	}
	w.version.Add(1)
	defer w.version.Add(1) // also after a failure, because the commit may have changed data
	if err := w.exec(end); err != nil {
		_ = w.exec("ROLLBACK") // if the failed commit left the transaction open
		fail(batch, err)
		return
	}
	for _, p := range batch {
		p.tell(!p.failed())
	}
}

// isolated runs one write in a savepoint, so that its error affects no other write. If
// isolated itself returns an error, the transaction is lost: SQLite rolls all of it back
// when the disk is full, and later statements would run outside of it.
// https://www.sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction
func (w *writer) isolated(p *pending) error {
	if err := w.exec("SAVEPOINT one"); err != nil {
		return err
	}
	if w.call(p); p.failed() {
		if err := w.exec("ROLLBACK TO one"); err != nil {
			return errors.Join(p.err, err)
		}
		p.tell(false)
	}
	return w.exec("RELEASE one")
}

// call runs one write, unless its context has ended.
func (w *writer) call(p *pending) {
	defer func() {
		p.panics = recover()
		p.ends, w.tx.ends = w.tx.ends, nil
	}()
	if p.err = p.ctx.Err(); p.err == nil {
		p.err = w.explained(p.f(w.tx))
	}
}

func (w *writer) exec(statement string) error {
	_, err := w.tx.Exec(statement)
	if err == nil || full(err) {
		return w.explained(err)
	}
	return fmt.Errorf("%s in %s: %w", statement, w.path, err)
}

// explained returns err, except that it replaces a full disk's by an error for the
// caller.
func (w *writer) explained(err error) error {
	if !full(err) {
		return err
	}
	return &runwith.Error{Code: runwith.ResourceExhausted,
		Message: fmt.Sprintf("the disk that holds %s is full: free some space, nothing was changed", w.path), Err: fmt.Errorf("%w: %w", cause.DiskFull, err)}
}

// fail sets err for every write of the batch that has no error yet.
func fail(batch []*pending, err error) {
	for _, p := range slices.Backward(batch) {
		p.tell(false)
		if p.err == nil {
			p.err = err
		}
	}
}
