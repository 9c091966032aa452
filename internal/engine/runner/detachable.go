package runner

import (
	"context"
	"errors"
	"sync"
)

// Detachable is an [Attempt] that outlives its Runner, which may let go of it.
type Detachable struct {
	*Attempt
	Life  context.Context    //nolint:containedctx // ends when the Runner closes or lets go of the attempt
	LetGo context.CancelFunc // ends Life

	mu     sync.Mutex
	ending bool // it is too late to let go
}

// NewDetachable returns an attempt that is being placed. life is that of the Runner.
func NewDetachable(life context.Context, id ID) *Detachable {
	d := &Detachable{Attempt: NewAttempt(id)}
	d.Life, d.LetGo = context.WithCancel(life)
	return d
}

// StartEnding reports whether the attempt's end is to be recorded. After that nothing lets go of
// the attempt any more.
func (d *Detachable) StartEnding() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.Life.Err() != nil {
		return false
	}
	d.ending = true
	return true
}

// Detach lets go of the attempt unless it is ending, and returns when nothing is written any more.
func (d *Detachable) Detach(ctx context.Context) error {
	d.mu.Lock()
	if !d.ending {
		d.LetGo()
	}
	d.mu.Unlock()
	if _, err := d.AwaitEnd(ctx); !errors.Is(err, ErrDetached) {
		return errors.Join(errors.New("the attempt has ended, or is ending"), err)
	}
	return nil
}
