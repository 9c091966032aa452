package invoker

import (
	"context"
	"errors"
	"time"

	"github.com/runwith/runwith"
)

// ErrStale says that a row is not, or no longer, where a transition begins.
var ErrStale = errors.New("the invocation is not in the state that the transition begins with")

// ErrTaken says that an execution belongs to another invocation.
var ErrTaken = errors.New("the execution belongs to another invocation")

// Store keeps invocations. Its methods are transitions, each of them atomic: no
// transaction leaves it, and what a method has returned without an error is on
// disk. All methods may be called concurrently, also by several processes where
// the store can be shared. Package storetest says what every store must do.
//
// Embedded SQLite is the one that is there; a server's database is the next.
type Store interface {
	Rows
	Queue
	Sightings
	Upkeep
	Close() error
}

// Rows are the invocations.
type Rows interface {
	Records
	Reads
}

// Sightings are what lists of executions are read for.
type Sightings interface {
	Watches
	Twins
}

// Upkeep is what is kept beside the invocations' own ways.
type Upkeep interface {
	Buckets
	Keeping
}

// Records are the invocations one by one.
type Records interface {
	// Accept adds an invocation, unless its key is taken or its slots are full.
	// With a key that lives and the same fingerprint it returns the one that is
	// there; with another fingerprint it refuses.
	Accept(ctx context.Context, r Record, a Admission) (_ Record, replayed bool, err error)
	// Move makes the transition from one record to the next, and returns the
	// record as it is then: ErrStale where the row is not as from says, ErrTaken
	// where the execution is another's.
	Move(ctx context.Context, from, to Record) (Record, error)
	// MoveEach makes the same transition of many records, and returns those that
	// it could make: the others are not, or no longer, where it begins.
	MoveEach(ctx context.Context, from []Record, to func(Record) Record) ([]Record, error)
	// Withdraw removes an invocation that waits, with its key, and reports whether
	// it did.
	Withdraw(ctx context.Context, id string) (bool, error)
}

// Reads look at invocations.
type Reads interface {
	// Find returns an invocation, and NOT_FOUND where there is none.
	Find(ctx context.Context, id string) (Record, error)
	// FindKey returns the invocation that has the key, and NOT_FOUND where there
	// is none.
	FindKey(ctx context.Context, owner, key string) (Record, error)
	// List returns up to limit invocations with IDs before the one given, newest
	// first. Empty fields and an empty ID mean any.
	List(ctx context.Context, f Filter, before string, limit int) ([]Record, error)
	// Outstanding counts those that have not ended, by state.
	Outstanding(ctx context.Context) (Outstanding, error)
}

// Admission says what is checked when an invocation is accepted.
type Admission struct {
	Now      time.Time
	Slots    int // of the record's concurrency key; 0 is not bounded
	Overflow Overflow
}

// Queue is what waits to be started.
type Queue interface {
	// Take brings the oldest that are due to starting, as many as slots and quotas
	// allow.
	Take(ctx context.Context, q Take) (Taken, error)
	// Unchecked leases those that were not held against their job yet, and returns
	// when to look again. What is searched for is not among them.
	Unchecked(ctx context.Context, now, lease time.Time, limit int) (_ []Record, next time.Time, err error)
	// Recover is for the start of a process that has the store for itself: who had
	// a lease is gone. Calls become unknown, and what waits is searched for; not
	// found counts from the time given. asOf is the latest that the store tells of:
	// until then certainly nothing was started of what waits.
	Recover(ctx context.Context, from time.Time, settle time.Duration) (asOf time.Time, err error)
}

// Take says what may be taken.
type Take struct {
	Now      time.Time
	Deadline time.Time // of the calls
	Limit    int
	Runs     string // name of the bucket of runs
	Quota    Quota
	Rates    map[string]Quota // by job
	Slots    map[string]int   // by concurrency key
}

// Taken is what was taken.
type Taken struct {
	Records []Record
	// Next is when there may be more, where time alone decides; zero where not.
	Next time.Time
	// Probing says that Cloud Run has refused before.
	Probing bool
}

// Watches are the invocations of which lists are read.
type Watches interface {
	// WatchedJobs returns the jobs that have any.
	WatchedJobs(ctx context.Context) ([]string, error)
	// Watched returns those of a job, oldest first.
	Watched(ctx context.Context, job string) ([]Record, error)
	// Lapse makes the calls unknown whose lease ended before now, and lets go of
	// those that were watched long enough. It returns what has become unknown.
	Lapse(ctx context.Context, now time.Time, settle time.Duration) ([]Record, error)
	// Cancels returns running invocations that Cloud Run is to be asked to cancel
	// now, and when the next will be.
	Cancels(ctx context.Context, now time.Time, limit int) (_ []Record, next time.Time, err error)
}

// Twin is an execution that carries the mark of an invocation which has another.
type Twin struct {
	Execution, Invocation string
	Found                 time.Time
}

// Twins are what was found beyond one execution.
type Twins interface {
	// AddTwin counts a twin, once, and reports whether it is new.
	AddTwin(ctx context.Context, t Twin) (added bool, err error)
	// TwinsDue returns those that Cloud Run is to be asked to cancel now, and when
	// the next will be.
	TwinsDue(ctx context.Context, now time.Time, limit int) (_ []Twin, next time.Time, err error)
	// PostponeTwin says when to ask for it again; the zero time says never.
	PostponeTwin(ctx context.Context, execution string, next time.Time) error
}

// Buckets are quotas.
type Buckets interface {
	// Spend takes a token, or returns when there is one.
	Spend(ctx context.Context, name string, q Quota, now time.Time) (ok bool, next time.Time, err error)
	// Pause notes that Cloud Run has refused, and returns when to ask it again. Resume
	// notes that it has not refused.
	Pause(ctx context.Context, name string, now time.Time, retryAfter time.Duration) (next time.Time, err error)
	Resume(ctx context.Context, name string) error
}

// Keeping is what is kept, and how long.
type Keeping interface {
	// Empty reports whether there was never an invocation.
	Empty(ctx context.Context) (bool, error)
	// Import adds invocations that were read back, unless they are there, and
	// returns those that it added. A key that another has is left out.
	Import(ctx context.Context, records []Record) ([]Record, error)
	// Tidy removes up to limit invocations that ended before the time given, that
	// nobody watches and whose key has expired, and returns how many.
	Tidy(ctx context.Context, now, before time.Time, limit int) (int, error)
}

func notFound(what string) error { return runwith.Errorf(runwith.NotFound, "there is no %s", what) }
