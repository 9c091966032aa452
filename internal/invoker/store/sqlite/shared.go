package sqlite

import (
	"context"
	"time"
)

// Alone implements [store.Shared]: the process holds a lock of the file.
func (s *Store) Alone() bool { return true }

// Now implements [store.Shared]: the store has one process, whose clock counts.
func (s *Store) Now() time.Time { return time.Now() }

// Hold implements [store.Shared]: nobody else can hold a lease.
func (s *Store) Hold(context.Context, string, time.Duration) (epoch int64, err error) { return 1, nil }

// Release implements [store.Shared].
func (s *Store) Release(context.Context, string) error { return nil }
