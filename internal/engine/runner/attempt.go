package runner

import (
	"context"
	"sync"
	"time"
)

// Attempt is the state of one attempt: placing, placed, running, ended. A Runner embeds
// a pointer to it in a type of its own, reports each step, and keeps the attempts in a
// [Registry], which answers the engine from them. A step may be left out; one that comes
// too late changes nothing.
type Attempt struct {
	ID ID

	left  bool // an earlier Runner has placed it, and nobody has adopted it
	owned bool // the engine goes on with it; the Registry guards both

	placed  chan struct{} // closed when the attempt is placed, or cannot start
	running chan struct{} // closed when the attempt runs, or has ended
	done    chan struct{} // closed when the attempt has ended

	mu     sync.Mutex
	began  time.Time // zero if the attempt was never seen to run
	failed error     // why the attempt cannot start
	result Result
	end    error // nil, ErrLost or ErrDetached
}

// NewAttempt returns an attempt that is being placed.
func NewAttempt(id ID) *Attempt {
	return &Attempt{ID: id, placed: make(chan struct{}), running: make(chan struct{}), done: make(chan struct{})}
}

// Owned reports whether the engine goes on with the attempt. An attempt that an earlier Runner left
// is not the engine's as long as nobody has adopted it, or only to end it.
func (a *Attempt) Owned() bool { return a.owned }

// base makes every type that embeds an Attempt a [Tracked] one.
func (a *Attempt) base() *Attempt { return a }

// Placed reports that the attempt is placed.
func (a *Attempt) Placed() {
	a.mu.Lock()
	defer a.mu.Unlock()
	closeOnce(a.placed)
}

// Runs reports that the attempt runs, and since when.
func (a *Attempt) Runs(since time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if IsClosed(a.running) {
		return
	}
	a.began = since
	closeOnce(a.placed)
	close(a.running)
}

// Fail reports that the attempt cannot start. Nothing of it runs.
func (a *Attempt) Fail(err error) { a.finish(func() { a.failed, a.end = err, ErrLost }) }

// End reports how the attempt ended, once all its output is written: with a result, or
// with ErrLost or ErrDetached.
func (a *Attempt) End(result Result, err error) { a.finish(func() { a.result, a.end = result, err }) }

func (a *Attempt) finish(set func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if IsClosed(a.done) {
		return
	}
	set()
	closeOnce(a.placed)
	closeOnce(a.running)
	close(a.done)
}

// Done is closed when the attempt has ended.
func (a *Attempt) Done() <-chan struct{} { return a.done }

// Ended reports whether the attempt has ended.
func (a *Attempt) Ended() bool { return IsClosed(a.done) }

// AwaitPlaced waits until the attempt is placed, and returns why it cannot start if it
// cannot.
func (a *Attempt) AwaitPlaced(ctx context.Context) error {
	if err := await(ctx, a.placed); err != nil {
		return err
	}
	return a.failure()
}

// AwaitEnd waits until the attempt has ended, and returns how.
func (a *Attempt) AwaitEnd(ctx context.Context) (Result, error) {
	if err := await(ctx, a.done); err != nil {
		return Result{}, err
	}
	return a.result, a.end
}

// failure returns why the attempt cannot start, if that is known.
func (a *Attempt) failure() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed
}

// await waits for a step. One that has come wins over a ctx that has ended.
func await(ctx context.Context, step <-chan struct{}) error {
	if IsClosed(step) {
		return nil
	}
	select {
	case <-step:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// IsClosed reports whether a channel that never has a value is closed.
func IsClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func closeOnce(c chan struct{}) {
	if !IsClosed(c) {
		close(c)
	}
}
