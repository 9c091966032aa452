package tasklog

import (
	"cmp"
	"slices"
	"time"
)

// firstDerived is behind the place of every stored entry.
const firstDerived = 1 << 47

// DerivedPos is the place of an entry that is derived and not stored: the i-th one about
// an attempt. No other entry of the execution has it, and it stands behind the stored
// entries of the same moment.
func DerivedPos(task, attempt, i int) int64 {
	return firstDerived | int64(task)<<24 | int64(attempt)<<4 | int64(i)
}

type attemptKey struct{ task, attempt int }

// With adds entries that are derived and not stored to those that the Reader reads. It
// selects from them by the query's streams, tasks and times, and returns the Reader.
//
// Stored entries of System about the same attempts are left out, because older versions
// stored such entries.
func (r *Reader) With(entries []Entry) *Reader {
	for _, e := range entries {
		if r.superseded == nil {
			r.superseded = map[attemptKey]bool{}
		}
		r.superseded[attemptKey{e.Task, e.Attempt}] = true
		at := e.Time.UnixNano()
		if r.query.Has(e.Stream) && r.query.hasTask(e.Task) && r.since <= at && at <= r.until {
			r.derived = append(r.derived, e)
		}
	}
	slices.SortFunc(r.derived, r.compare)
	return r
}

// compare compares two entries in the reader's order: by time, then by place.
func (r *Reader) compare(a, b Entry) int {
	if r.query.Reverse {
		a, b = b, a
	}
	return byTime(a, b)
}

// byTime compares two entries by time, then by place.
func byTime(a, b Entry) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Pos, b.Pos)) }

// mergeDerived adds the derived entries to a batch that no later stored entry can
// precede.
func (r *Reader) mergeDerived(b *Batch) {
	due := 0
	for due < len(r.derived) && r.due(r.derived[due], b.Reached) {
		due++
	}
	if due == 0 {
		return
	}
	b.Entries = append(b.Entries, r.derived[:due]...)
	slices.SortFunc(b.Entries, r.compare)
	r.derived = r.derived[due:]
}

// due reports whether a derived entry precedes all stored entries that come after a
// batch. Of the same moment, stored entries come first, or in reverse last.
func (r *Reader) due(e Entry, reached time.Time) bool {
	if r.query.Reverse {
		return !e.Time.Before(reached)
	}
	return e.Time.Before(reached)
}

// restDerived returns the derived entries behind the last stored one.
func (r *Reader) restDerived() Batch {
	b := Batch{Entries: r.derived, Reached: r.derived[len(r.derived)-1].Time}
	r.derived = nil
	return b
}
