package invoker

import (
	"context"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// Owns reports whether a caller has started an invocation, or NOT_FOUND. A rebuilt
// invocation has no caller's name, but its execution has the hash of it.
func (v *Invoker) Owns(ctx context.Context, id, caller string) (bool, error) {
	r, err := v.store.Find(ctx, id)
	return err == nil && r.Owner == ledger.OwnerOf(caller), err
}
