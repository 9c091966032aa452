package store

import (
	"context"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// Schedules is the part of a store that keeps the state of schedules. Every change is a
// compare-and-set on [ledger.Schedule.Version].
type Schedules interface {
	// Schedules returns all, by name.
	Schedules(ctx context.Context) ([]ledger.Schedule, error)
	// Schedule returns one, or NOT_FOUND.
	Schedule(ctx context.Context, name string) (ledger.Schedule, error)
	// SaveSchedules saves states, all in one transaction, and returns the saved ones with their
	// new Version. It skips a state whose Version is not the stored one; 0 is for a schedule
	// that is not stored, whose new Version is its FirstVersion.
	SaveSchedules(ctx context.Context, states []ledger.Schedule) ([]ledger.Schedule, error)
	// RemoveSchedule removes a state and reports whether it did. It leaves one that has
	// another version.
	RemoveSchedule(ctx context.Context, name string, version int64) (bool, error)
}
