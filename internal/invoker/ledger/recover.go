package ledger

import (
	"time"

	"github.com/runwith/runwith"
)

// Calling reports whether a call for the record is out, as far as the row shows.
func (r Record) Calling() bool { return r.State == runwith.StateStarting && r.SearchFrom.IsZero() }

// Lapse returns the moves of calls whose lease has ended although nobody wrote down
// their outcome. They become unknown. The rows are [Record.Calling].
func Lapse(rows []Record, now time.Time, settle time.Duration) (moves []Move) {
	for _, r := range rows {
		if r.Calling() && !r.Lease.After(now) {
			moves = append(moves, Move{r, r.Unknown(settle)})
		}
	}
	return moves
}

// WatchedOut reports whether the record has been watched for late twins long enough.
// Its store then sets WatchUntil to zero, also if the record has ended.
func (r Record) WatchedOut(now time.Time) bool {
	return !r.WatchUntil.IsZero() && !r.WatchUntil.After(now)
}

// Recover returns the moves at the start of a process that has the store to itself, so
// that every lease of an earlier process is void. Waiting rows are searched for first,
// because a copy of the store may show rows that were started since. Calls become
// unknown. Rows that sleep are left alone: no process starts them before their time. "Not
// found" counts in lists that began at the time from, or later. The rows are [Record.Waiting]
// or [Record.Calling].
func Recover(rows []Record, from time.Time, settle time.Duration) (moves []Move) {
	for _, r := range rows {
		switch to := r; {
		case r.Asleep(from.Add(ClockSkew)): // certainly nobody has started it
			if to.Lease = (time.Time{}); !r.Lease.IsZero() {
				moves = append(moves, Move{r, to})
			}
		case r.Waiting():
			to.Lease, to.SearchFrom = time.Time{}, Later(r.SearchFrom, from)
			moves = append(moves, Move{r, to})
		case r.Calling():
			to = r.Unknown(settle)
			to.SearchFrom = Later(to.SearchFrom, from)
			moves = append(moves, Move{r, to})
		}
	}
	return moves
}

// LaterVersion returns a version above those of an earlier store, whose rows are lost. It has
// the milliseconds since 1970. Receivers of callbacks may have seen the lost versions, and drop
// lower ones.
func LaterVersion(now time.Time) int64 { return now.UnixMilli() }

// LastEvent is the latest time at which something happened, as far as the row shows.
func (r Record) LastEvent() time.Time {
	last := Later(r.Created, r.Finished)
	if r.State == runwith.StateRunning {
		last = Later(last, r.Started)
	}
	return last
}
