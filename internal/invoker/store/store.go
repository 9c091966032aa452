// Package store has the interface between the invoker and its rows. The packages sqlite and
// postgres below it implement it; storetest is the suite that every implementation passes.
package store

import (
	"context"
	"errors"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// ErrStale means that the row is not, or no longer, where a transition begins.
var ErrStale = errors.New("the invocation is not in the state in which the transition begins")

// ErrTaken means that the execution belongs to another invocation: both its name and its
// UID are the same. If the UIDs are unknown, it belongs to the other one until that has
// ended. Cloud Run may use the name of a deleted execution again.
var ErrTaken = errors.New("the execution belongs to another invocation")

// Store keeps invocations. Its methods are transitions. Each is atomic: a store loads
// the rows under the right lock, asks package ledger, and writes the moves in the same
// transaction. No transaction leaves a store. What a method has returned without an
// error is on disk. All methods may be called concurrently, and by several processes
// if the store can be shared.
//
// A move is a compare-and-set on the row's version and state ([ledger.Move.Matches]).
//
// Times named now are the caller's clock. A store that several processes share uses
// the database's clock instead, so periods are durations.
type Store interface { //nolint:interfacebloat // a store is one thing: no code uses or implements only a part of it
	// Accept adds an invocation, unless its key is taken or its slots are full. If its
	// key lives and belongs to an equal request, Accept returns that invocation as
	// Replayed. Otherwise it spends the tokens that the newcomer costs. See
	// [ledger.Record.Repeats], [ledger.SpendRates] and [ledger.Admit].
	Accept(ctx context.Context, r ledger.Record, a ledger.Admission) (Accepted, error)
	// AcceptEach accepts several invocations as Accept does, one after the other, in one
	// transaction. An invocation that is refused leaves nothing behind and does not hurt the
	// others: its error is in the result. The results are in the order of the newcomers. If
	// AcceptEach itself returns an error, nothing was accepted.
	AcceptEach(ctx context.Context, newcomers []Newcomer) ([]AcceptedOrError, error)
	// Move makes one move, and returns the row after it. The error is ErrStale if the
	// row does not match the move, and ErrTaken if the execution belongs to another row.
	Move(ctx context.Context, m ledger.Move) (ledger.Record, error)
	// MoveEach makes many moves, and returns the changed rows. It skips rows that do not
	// match.
	MoveEach(ctx context.Context, moves []ledger.Move) ([]ledger.Record, error)
	// Explain replaces the reason of a failed invocation by a better one. That is no
	// transition: the invocation stays failed. It changes nothing else, and is a no-op if the
	// invocation has not failed.
	Explain(ctx context.Context, id string, f runwith.Failure) error
	// Withdraw removes an invocation that is [ledger.Record.Withdrawable], with its key,
	// and reports whether it did.
	Withdraw(ctx context.Context, id string) (bool, error)

	// Find returns an invocation, or NOT_FOUND.
	Find(ctx context.Context, id string) (ledger.Record, error)
	// FindKey returns the invocation that has the key, or NOT_FOUND.
	FindKey(ctx context.Context, owner, key string) (ledger.Record, error)
	// List returns invocations, newest first.
	List(ctx context.Context, q Query) ([]ledger.Record, error)
	// Outstanding counts the invocations that have not ended, by state. Those that sleep count
	// as [Later] instead.
	Outstanding(ctx context.Context) (Outstanding, error)
	// OldestWaiting returns since when the oldest [ledger.Record.Waiting] record waits: since its
	// acceptance, or since the start that it asked for. It is the zero time if none waits.
	// Records that sleep do not count.
	OldestWaiting(ctx context.Context) (time.Time, error)
	// Subscribe returns a channel that receives after the invocation has changed, once
	// for any number of changes. Subscribe before you read, so that no change falls in
	// between. It may receive without a change, and it receives within a second after a change
	// that another process made. The caller calls leave.
	Subscribe(id string) (changed <-chan struct{}, leave func())

	// Take moves the oldest records that are due to starting, as many as slots and
	// quotas allow. A record whose slot is taken, or whose job has used up its rate, does not
	// hold up others. See [ledger.PlanTake]. A record whose StartAt lies ahead sleeps; the Take at
	// or after that time wakes it, and so may an Accept.
	Take(ctx context.Context, t ledger.Take) (Taken, error)
	// Unchecked leases records that are [ledger.Record.Checkable] and due, oldest first,
	// and returns when the next one is.
	Unchecked(ctx context.Context, now time.Time, lease time.Duration, limit int) (_ []ledger.Record, next time.Time, err error)
	// Recover is for the start of a process. If the process has the store to itself, or the store
	// is a copy (Origin.Restored), it makes the moves of [ledger.Recover], and ends the leases of
	// deliveries; asOf is the store's latest event. Otherwise it changes nothing, because other
	// processes hold the leases: those of processes that have ended end by time. Then asOf is zero.
	Recover(ctx context.Context, from time.Time, settle time.Duration) (asOf time.Time, err error)

	// WatchedJobs returns the targets of the records that are [ledger.Record.Watched].
	WatchedJobs(ctx context.Context) ([]string, error)
	// Watched returns the watched records of a target, oldest first.
	Watched(ctx context.Context, target string) ([]ledger.Record, error)
	// Lapse makes calls with an expired lease unknown, and returns their records. See
	// [ledger.Lapse]. It also stops watching records that are [ledger.Record.WatchedOut].
	Lapse(ctx context.Context, now time.Time, settle time.Duration) ([]ledger.Record, error)
	// Cancels returns running records whose cancel is due, and when the next one is.
	Cancels(ctx context.Context, now time.Time, limit int) (_ []ledger.Record, next time.Time, err error)
	// AddTwin counts a twin, once, and reports whether it is new.
	AddTwin(ctx context.Context, t Twin) (added bool, err error)
	// TwinsDue returns twins whose cancel is due, and when the next one is.
	TwinsDue(ctx context.Context, now time.Time, limit int) (_ []Twin, next time.Time, err error)
	// PostponeTwin sets when to send its cancel again; the zero time means never.
	PostponeTwin(ctx context.Context, execution string, next time.Time) error

	// Spend takes a token, or returns when there will be one.
	Spend(ctx context.Context, bucket string, q ledger.Quota, now time.Time) (ok bool, next time.Time, err error)
	// Pause notes that Cloud Run has refused, and returns when to ask it again.
	Pause(ctx context.Context, bucket string, now time.Time, retryAfter time.Duration) (next time.Time, err error)
	// Resume notes that Cloud Run has not refused.
	Resume(ctx context.Context, bucket string) error

	// Origin returns what the store was before this process used it. In a shared store, that may
	// change when another process calls Rebuilt.
	Origin(ctx context.Context) (Origin, error)
	// Rebuilt records that Cloud Run's executions were read back, so that the store is no longer
	// Empty, nor a copy.
	Rebuilt(ctx context.Context) error
	// Import adds invocations that were read back from Cloud Run, and returns the added
	// ones. It skips existing ones. An invocation whose key is taken loses its key.
	Import(ctx context.Context, records []ledger.Record) ([]ledger.Record, error)
	// Tidy removes up to limit invocations that were kept long enough after their end, with
	// their labels and deliveries, and returns their number. keep is the default of
	// [ledger.Record.Keep]. It leaves those that are watched, whose key lives, that have a
	// pending delivery younger than [ledger.DeliveryKept], or that are unsettled and have ended
	// within [ledger.SettleWithin]. It also removes usage of months before [ledger.OldestUsage],
	// up to limit sums, and counts them, and deliveries of budgets that are older than
	// [ledger.BudgetDeliveryKept].
	Tidy(ctx context.Context, now time.Time, keep time.Duration, limit int) (int, error)

	Outbox
	Events
	Schedules
	Usage
	Budgets
	Shared

	Close() error
}

// Accepted is the result of [Store.Accept].
type Accepted struct {
	Record   ledger.Record
	Replayed bool          // it was accepted before
	Moved    []ledger.Move // of the records that made room for it, as they were made
}

// Newcomer is an invocation to be accepted.
type Newcomer struct {
	Record    ledger.Record
	Admission ledger.Admission
}

// AcceptedOrError is one result of [Store.AcceptEach].
type AcceptedOrError struct {
	Accepted
	Err error // a refusal; nil if it was accepted
}

// Query selects invocations. Empty fields match any.
type Query struct {
	Job    string
	States []runwith.State   // one of them
	Owner  string            // hash of the caller's name
	Labels map[string]string // each of them
	// Source is the name of what has started them, or trigger/ or schedule/ ([ledger.SourceIs]). A
	// store may rely on it that a source owns all that it has started, and nothing else.
	Source  string
	RerunOf string
	// Unfinished means only those that have not ended.
	Unfinished    bool
	Visible       *Visibility // nil: all
	After, Before string      // only invocations with IDs between these two
	Limit         int
}

// Visibility is what may be seen: the invocations of an owner, and those of some jobs.
type Visibility struct {
	Owner string // hash; empty: nobody's own
	Jobs  []string
}

// Outstanding is the number of invocations that have not ended, by state. States without
// invocations are absent.
type Outstanding map[runwith.State]int

// Later stands in [Outstanding] for the state of invocations that sleep: their time to start
// has not come.
const Later runwith.State = "later"

// Waiting returns the number of invocations that wait to be started or found.
func (o Outstanding) Waiting() int {
	return o[runwith.StateAccepted] + o[runwith.StateQueued] + o[runwith.StateStarting]
}

// Taken is the result of [Store.Take].
type Taken struct {
	Records []ledger.Record
	// Refused are the moves of records that waited for a budget, and need more than the whole.
	Refused []ledger.Move
	// Next is when the next record may be due; zero if that does not depend on time alone.
	Next time.Time
	// Probing means that Cloud Run has refused before.
	Probing bool
	// Holds is what held records back before these were taken.
	Holds ledger.Holds
}

// Twin is an execution that carries the marker of an invocation which has another one.
type Twin struct {
	Execution, Invocation string
	Found                 time.Time
}

// Origin is what a store was before this process used it.
type Origin struct {
	// Empty means that nobody has read back what Cloud Run has of earlier stores. A store that one
	// process has to itself is Empty until it has an invocation. A shared one is until Rebuilt: a
	// process that opens while another one reads back does not know all keys either.
	Empty bool
	// Restored means that it is a copy from a backup. Jobs may have started since the
	// backup was made.
	Restored bool
}

// NotFound returns the error for a missing invocation.
func NotFound(what string) error { return runwith.Errorf(runwith.NotFound, "there is no %s", what) }
