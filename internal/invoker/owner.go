package invoker

import (
	"context"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// Owns reports whether a caller has started an invocation, or NOT_FOUND. A rebuilt
// invocation has no caller's name, but its execution has the hash of it.
func (v *Invoker) Owns(ctx context.Context, id, caller string) (bool, error) {
	r, err := v.store.Find(ctx, id)
	return err == nil && r.Owner == ledger.OwnerOf(caller), err
}

// Repeated returns the invocation that a request repeats, and whether there is one. It
// accepts nothing, and looks only at what was asked: a request whose terms the policy refuses
// by now may have been accepted before.
func (v *Invoker) Repeated(ctx context.Context, q Request) (runwith.Invocation, bool, error) {
	r, err := v.accepting.newRecord(ctx, q)
	if err != nil {
		return runwith.Invocation{}, false, err
	}
	before, found, err := v.accepting.repeat(ctx, r)
	return v.shown(before), found, err
}
