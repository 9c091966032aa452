package ledger

import (
	"cmp"
	"time"

	"github.com/runwith/runwith"
)

const (
	// SettleWithin is how long after its end an invocation is settled at the latest. An older
	// one stays without an estimate.
	SettleWithin = 31 * 24 * time.Hour
	// UsageMonths is how many months usage is kept, the current one included.
	UsageMonths = 14
)

// Unsettled reports whether the record has ended with an execution whose usage is not known
// yet.
func (r Record) Unsettled() bool {
	return !r.Finished.IsZero() && r.Execution != "" && r.Usage == nil
}

// Settlement is what an invocation has used. Its record is as it was read: [Record.Unsettled].
type Settlement struct {
	Record Record
	Cost   Cost
	Tasks  int           // that have run
	Usage  runwith.Usage // the cost, and where it comes from
}

// Month returns the month in which the usage counts: that of the reservation, and otherwise
// that of the acceptance or of the earliest start.
func (s Settlement) Month() int { return cmp.Or(s.Record.Month, MonthOf(s.planned())) }

// Day returns the day of that month on which the usage counts: 20261128 is 28 November 2026.
func (s Settlement) Day() int {
	month := s.Month()
	for _, t := range []time.Time{s.planned(), s.Record.Started, s.Record.Finished} {
		if MonthOf(t) == month {
			return month*100 + t.UTC().Day()
		}
	}
	return month*100 + 1
}

func (s Settlement) planned() time.Time { return Later(s.Record.Created, s.Record.StartAt) }

// OldestUsage returns the oldest month whose usage is kept.
func OldestUsage(now time.Time) int {
	year, month, _ := now.UTC().Date()
	return MonthOf(time.Date(year, month-UsageMonths+1, 1, 0, 0, 0, 0, time.UTC))
}
