package store

import (
	"context"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// Usage is the part of a store that keeps what invocations have used. It keeps the sums when
// it removes the invocations.
type Usage interface {
	// Unsettled returns records that are [ledger.Record.Unsettled] and have ended at a time or
	// later, oldest end first.
	Unsettled(ctx context.Context, since time.Time, limit int) ([]ledger.Record, error)
	// Settle saves what invocations have used, and adds it to the sums, in one transaction. It
	// raises their versions. It skips those that are settled already, and returns the IDs of the
	// others. It also makes the deliveries of budgets of which a part is used now
	// ([ledger.Budgets.Reached]), and lets those that wait for room have it.
	Settle(ctx context.Context, settlements []ledger.Settlement, b ledger.Budgets) (settled []string, err error)
	// SumUsage returns sums of what invocations have used, by name.
	SumUsage(ctx context.Context, q UsageQuery) ([]UsageSum, error)
}

// UsageQuery selects what is summed. Empty fields match any.
type UsageQuery struct {
	Month   int // [ledger.MonthOf]
	Job     string
	Visible *Visibility // nil: all
	By      UsageBy
	Label   string // for ByLabel: the name of the label
}

// UsageBy is what the sums of usage have in common.
type UsageBy int

// The groups.
const (
	ByJob UsageBy = iota
	ByCaller
	ByDay
	ByLabel
)

// UsageSum is what a group of invocations has used.
type UsageSum struct {
	// Name is the job, the caller, the day as 20261128, or the value of the label. It is empty
	// for the anonymous caller, and for invocations without the label.
	Name               string
	Invocations, Tasks int64
	Cost               ledger.Cost
}
