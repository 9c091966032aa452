package ledger

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/runwith/runwith"
)

// MostSteps bounds the history of a record. The first step is kept, and the latest ones are.
const MostSteps = 32

// longestReason bounds the message of a step, in bytes.
const longestReason = 300

// note stands for the state in a line of a [Trail] that only names what was waited for.
const note = "-"

// Trail is the history of a record as it is stored. Each line has a state, the microseconds
// since 1970 at which it began, a hold or a hyphen, and a message. The last line may be a note:
// what the record has waited for since the step before it. The acceptance is left out, because
// the row has its time. The empty trail is that of a row which has not moved yet, or which an
// earlier version has written.
type Trail string

// Steps returns the history of a record, oldest first. Without a trail, it is derived from the
// times that the row has.
func (r Record) Steps() []runwith.Step {
	steps := []runwith.Step{{State: runwith.StateAccepted, At: r.Created}}
	if r.Trail == "" {
		return append(steps, r.derived()...)
	}
	for line := range strings.Lines(string(r.Trail)) {
		if s, ok := readStep(line); ok && s.State != note {
			steps = append(steps, s)
		}
	}
	return steps
}

// derived returns the steps after the acceptance, as far as the row shows them.
func (r Record) derived() (steps []runwith.Step) {
	if r.State == runwith.StateQueued {
		return []runwith.Step{{State: runwith.StateQueued, At: r.Created}}
	}
	if !r.Started.IsZero() {
		steps = append(steps, runwith.Step{State: runwith.StateRunning, At: r.Started})
	}
	if !r.Finished.IsZero() {
		steps = append(steps, runwith.Step{State: r.State, At: r.Finished})
	}
	return steps
}

// trailed returns the trail that a move leaves behind.
func (m Move) trailed(now time.Time) Trail {
	if m.From.State == m.To.State {
		if hold := m.outlasted(); hold != "" {
			return m.From.written().noted(hold, now)
		}
		return m.To.Trail
	}
	trail, noted := m.From.written().split()
	s := runwith.Step{State: m.To.State, At: Stored(now), For: cmp.Or(noted, m.From.waitedFor(now)), Message: m.To.Why}
	if s.For == "" && !m.To.Waiting() {
		s.For = m.To.HeldBy
	}
	if e := m.To.Error; s.Message == "" && e != nil && m.To.State != runwith.StateFailed {
		s.Message = e.Message
	}
	trail = trail.with(s)
	if m.To.Waiting() && m.To.HeldBy != "" { // sent back: it waits for that now
		return trail.latest().noted(m.To.HeldBy, now)
	}
	return trail.latest()
}

// outlasted returns what a record no longer waits for after a move that leaves its state alone.
// The budget counts even if something else was noted; a search does not.
func (m Move) outlasted() runwith.Hold {
	switch _, noted := m.From.Trail.split(); {
	case m.From.Held() && !m.To.Held():
		return runwith.HoldBudget
	case m.From.SearchFrom.IsZero() || !m.To.SearchFrom.IsZero() || noted != "" || m.From.State == runwith.StateQueued:
		return ""
	}
	return runwith.HoldSearch
}

// waitedFor returns what a record has waited for until now, as far as the row shows.
func (r Record) waitedFor(now time.Time) runwith.Hold {
	switch {
	case !r.SearchFrom.IsZero():
		return runwith.HoldSearch
	case !r.Waiting():
		return ""
	case r.Held():
		return runwith.HoldBudget
	case r.Asleep(now):
		return runwith.HoldStart
	case r.State == runwith.StateQueued && r.Bounded():
		return runwith.HoldSlot
	}
	return ""
}

// since returns when a record was ready to start, as far as it depends on itself: it was due, and
// its state had begun.
func (r Record) since() time.Time {
	trail, _ := r.Trail.split()
	lines := strings.Split(strings.TrimSuffix(string(trail), "\n"), "\n")
	last, _ := readStep(lines[len(lines)-1])
	return Later(r.Due(), last.At)
}

// Parking returns a record that a store parks: it waits for a slot from now on.
func (r Record) Parking(now time.Time) Record {
	r.Trail = r.written().noted(runwith.HoldSlot, now)
	return r
}

// written returns the trail of a record, also if it was derived until now.
func (r Record) written() Trail {
	trail := r.Trail
	if trail == "" {
		for _, s := range r.derived() {
			trail = trail.with(s)
		}
	}
	return trail
}

func (t Trail) with(s runwith.Step) Trail {
	reason := strings.Join(strings.Fields(s.Message), " ")
	if len(reason) > longestReason {
		reason = strings.ToValidUTF8(reason[:longestReason], "") + "..."
	}
	return t + Trail(fmt.Sprintf("%s %d %s %s\n", s.State, s.At.UnixMicro(), cmp.Or(s.For, note), reason))
}

func (t Trail) noted(hold runwith.Hold, now time.Time) Trail {
	t, _ = t.split()
	return t.with(runwith.Step{State: note, At: now, For: hold})
}

// split returns the steps of a trail, and the hold of its note; empty: it has none.
func (t Trail) split() (steps Trail, noted runwith.Hold) {
	last := strings.LastIndexByte(strings.TrimSuffix(string(t), "\n"), '\n') + 1
	if s, ok := readStep(string(t[last:])); ok && s.State == note {
		return t[:last], s.For
	}
	return t, ""
}

// latest returns a trail without notes that is short enough.
func (t Trail) latest() Trail {
	for n := strings.Count(string(t), "\n"); n > MostSteps-1; n-- {
		t = t[strings.IndexByte(string(t), '\n')+1:]
	}
	return t
}

// readStep reads one line of a trail.
func readStep(line string) (s runwith.Step, ok bool) {
	part := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
	if len(part) < 4 {
		return s, false
	}
	at, err := strconv.ParseInt(part[1], 10, 64)
	s = runwith.Step{State: runwith.State(part[0]), At: time.UnixMicro(at).UTC(), For: runwith.Hold(part[2]), Message: part[3]}
	if s.For == note {
		s.For = ""
	}
	return s, err == nil
}
