package store

import (
	"context"
	"time"
)

// Shared is the part of a store that lets several processes work on the same rows. A store that
// one process has to itself grants it every lease.
type Shared interface {
	// Alone reports whether this process has the store to itself. If not, rows change without its
	// doing, so it looks for work every second.
	Alone() bool
	// Now returns the time by the clock on which all processes of the store agree: this
	// machine's clock for a store of one process, otherwise the database's. All times in rows and
	// arguments are told by it. It asks nobody, so it is cheap, and it does not follow jumps of
	// this machine's clock if the database has another one. Subtract it from a time of the
	// store to know how long to wait.
	Now() time.Time
	// Hold takes the lease with a name, or renews it, for a period from now on. It returns the
	// lease's epoch, which grows each time that the holder changes, or 0 if another process
	// holds the lease. A holder that stalls may learn of its loss late: what it writes must be a
	// compare-and-set all the same. The holder is this store as it was opened.
	Hold(ctx context.Context, name string, period time.Duration) (epoch int64, err error)
	// Release ends this process's lease with a name, so that another one need not wait for its
	// end. It is a no-op if another process holds it.
	Release(ctx context.Context, name string) error
}
