package store

import (
	"context"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// Budgets is the part of a store that shows how much of budgets is taken. It only reads.
type Budgets interface {
	// Shares returns the shares of budgets in a month, in the order of the budgets: of one that
	// gives each label value its own, those of the values that were used, at most limit, in
	// their order.
	Shares(ctx context.Context, budgets []ledger.Budget, month, limit int) ([]ShareState, error)
	// Rooms returns the shares that a record would need a part of, if it were accepted now.
	Rooms(ctx context.Context, r ledger.Record, b ledger.Budgets, now time.Time) ([]ledger.Room, error)
}

// ShareState is a share, and how much of it is taken.
type ShareState struct {
	ledger.Share
	Spent   ledger.Spent
	Waiting int // records that wait for its scope
}
