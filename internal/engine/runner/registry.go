package runner

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/runwith/runwith"
)

// Tracked is a Runner's own type of attempt, which embeds an *[Attempt].
type Tracked interface {
	comparable
	base() *Attempt
}

// Registry holds the attempts of a Runner, from their Start until a Wait has returned
// their end. The zero value is an open, empty registry. Its methods may be called
// concurrently.
type Registry[A Tracked] struct {
	mu       sync.Mutex
	closed   bool
	attempts map[ID]A
}

// Claim adds an attempt and reports that it is the first with its ID. Otherwise it
// returns the attempt that is there. Once the registry is closed it returns
// UNAVAILABLE.
func (r *Registry[A]) Claim(a A) (_ A, first bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		var none A
		return none, false, errStopping()
	}
	id := a.base().ID
	if there, ok := r.attempts[id]; ok {
		return there, false, nil
	}
	if r.attempts == nil {
		r.attempts = make(map[ID]A)
	}
	r.attempts[id] = a
	a.base().owned = !a.base().left
	return a, true, nil
}

// ClaimLeft adds an attempt that an earlier Runner has left, for Adopt.
func (r *Registry[A]) ClaimLeft(a A) error {
	a.base().left = true
	_, _, err := r.Claim(a)
	return err
}

// Adopt calls begin for an attempt that an earlier Runner has left, the first time that it is
// called with it. begin goes on with the attempt, in the background. Once the registry is closed,
// nobody can adopt an attempt any more: the error is UNAVAILABLE. owned says that the engine goes
// on with the attempt too, and does not only end it.
func (r *Registry[A]) Adopt(a A, owned bool, begin func()) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	base := a.base()
	switch {
	case !base.left:
		return nil
	case r.closed:
		return errStopping()
	}
	base.left, base.owned = false, owned
	begin()
	return nil
}

// Place claims the attempt and calls place for the first with its ID. For any other it
// waits until that one is placed. When place fails, the attempt is forgotten.
func (r *Registry[A]) Place(ctx context.Context, a A, place func() error) error {
	a, first, err := r.Claim(a)
	switch {
	case err != nil:
		return err
	case !first:
		return a.base().AwaitPlaced(ctx)
	}
	if err := place(); err != nil {
		r.Forget(a)
		a.base().Fail(err)
		return err
	}
	a.base().Placed()
	return nil
}

// Begin calls f, which begins work in the background, unless the registry is closed: it
// returns UNAVAILABLE then. No Close returns while f runs.
func (r *Registry[A]) Begin(f func()) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return errStopping()
	}
	f()
	return nil
}

// Find returns the attempt with an ID, if there is one.
func (r *Registry[A]) Find(id ID) (a A, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, ok = r.attempts[id]
	return a, ok
}

// Forget removes an attempt. It is a no-op if another one has its ID by now.
func (r *Registry[A]) Forget(a A) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id := a.base().ID; r.attempts[id] == a {
		delete(r.attempts, id)
	}
}

// Running implements the method of [Runner].
func (r *Registry[A]) Running(ctx context.Context, id ID) (time.Time, error) {
	a, ok := r.Find(id)
	if !ok {
		return time.Time{}, ErrLost
	}
	if err := await(ctx, a.base().running); err != nil {
		return time.Time{}, err
	}
	if err := a.base().failure(); err != nil {
		r.Forget(a)
		return time.Time{}, err
	}
	return a.base().began, nil
}

// Wait implements the method of [Runner]. It returns ErrLost for an ID that is not
// there.
func (r *Registry[A]) Wait(ctx context.Context, id ID) (Result, error) {
	a, ok := r.Find(id)
	if !ok {
		return Result{}, ErrLost
	}
	if err := await(ctx, a.base().done); err != nil {
		return Result{}, err
	}
	r.Forget(a)
	return a.base().result, a.base().end
}

// All returns the attempts, in no order.
func (r *Registry[A]) All() []A {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Values(r.attempts))
}

// List returns the IDs of the attempts that have not ended, in the order of
// [ID.String].
func (r *Registry[A]) List() (ids []ID) {
	for _, a := range r.All() {
		if !a.base().Ended() {
			ids = append(ids, a.base().ID)
		}
	}
	return SortIDs(ids)
}

// Empty reports whether there are no attempts.
func (r *Registry[A]) Empty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.attempts) == 0
}

// Close takes no more attempts, and reports whether it was open. It forgets those that the engine
// does not own: they are the next Runner's.
func (r *Registry[A]) Close() (wasOpen bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.attempts, func(_ ID, a A) bool { return !a.base().owned })
	wasOpen, r.closed = !r.closed, true
	return wasOpen
}

func errStopping() error {
	return runwith.Errorf(runwith.Unavailable, "the server is stopping and starts no more tasks; try again")
}

// SortIDs sorts IDs in the order of [ID.String] and returns them.
func SortIDs(ids []ID) []ID {
	slices.SortFunc(ids, func(a, b ID) int { return strings.Compare(a.String(), b.String()) })
	return ids
}
