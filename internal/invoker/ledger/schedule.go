package ledger

import "time"

// Schedule is the stored state of a schedule. Its slots have keys, so a lost state starts no
// slot again.
type Schedule struct {
	Name string
	// Spec is the JSON of a schedule that the API has made; empty: the configuration has it.
	Spec []byte
	// Timing is the cron line and the zone to which Cursor belongs.
	Timing string
	Paused bool
	// Cursor is the latest slot that was handled, or the time at which the timing was first
	// seen. Slots up to then are never looked at again.
	Cursor time.Time
	Last   SlotOutcome
	Counts SlotCounts
	// Version grows with every change, from FirstVersion; 0 is not stored.
	Version int64
}

// FirstVersion returns the version of a state when it is stored first. It is above those of an
// earlier schedule with the same name, so that nobody who still works on that one changes this one.
func (s Schedule) FirstVersion() int64 { return max(1, LaterVersion(s.Cursor)) }

// SlotResult is what has become of a slot.
type SlotResult string

// The results.
const (
	// SlotStarted means that the slot has an invocation.
	SlotStarted SlotResult = "started"
	// SlotSkipped means that an earlier invocation had not ended.
	SlotSkipped SlotResult = "skipped"
	// SlotFailed means that the job refused to start.
	SlotFailed SlotResult = "failed"
	// SlotMissed means that nobody handled it in time.
	SlotMissed SlotResult = "missed"
)

// SlotOutcome is what has become of a slot. The zero value is none.
type SlotOutcome struct {
	Slot       time.Time  `json:"slot"`
	At         time.Time  `json:"at"`
	Result     SlotResult `json:"result"`
	Late       bool       `json:"late,omitempty"`       // it was caught up
	Invocation string     `json:"invocation,omitempty"` // that it has started, or that was in its way
	Code       string     `json:"code,omitempty"`       // of a failure
	Message    string     `json:"message,omitempty"`
}

// SlotCounts count slots by their result.
type SlotCounts struct {
	Started int `json:"started,omitempty"`
	Skipped int `json:"skipped,omitempty"`
	Failed  int `json:"failed,omitempty"`
	Missed  int `json:"missed,omitempty"`
}

// Handled returns the state after a slot, and after earlier ones that were missed.
func (s Schedule) Handled(o SlotOutcome, missed int) Schedule {
	s.Cursor, s.Last = o.Slot, o
	s.Counts.Missed += missed
	switch o.Result {
	case SlotStarted:
		s.Counts.Started++
	case SlotSkipped:
		s.Counts.Skipped++
	case SlotFailed:
		s.Counts.Failed++
	case SlotMissed:
		s.Counts.Missed++
	}
	return s
}

// Restarted returns the state of a schedule that begins now: with another timing, or because
// it was paused until now.
func (s Schedule) Restarted(timing string, now time.Time) Schedule {
	s.Timing, s.Cursor = timing, Stored(now)
	return s
}
