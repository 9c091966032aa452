package schedule

import (
	"context"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/metrics"
)

// counters count slots. Schedules beyond the first hundred share a label.
type counters struct {
	names metrics.Names
	slots *metrics.Counter
}

func newCounters() *counters {
	return &counters{slots: metrics.NewCounter("runwith_schedule_slots_total",
		"Slots of schedules, by what became of them: started, skipped, failed or missed.", "schedule", "result")}
}

// report counts a slot, and logs one that has started nothing.
func (s *Schedules) report(p *Plan, o ledger.SlotOutcome, missed int) {
	label := s.counters.names.Label(p.name)
	s.counters.slots.Inc(label, string(o.Result))
	if missed > 0 {
		s.counters.slots.Add(uint64(missed), label, string(ledger.SlotMissed))
		s.logger.Warn("slots of a schedule were missed", "schedule", p.name, "slots", missed, "before", o.Slot)
	}
	switch o.Result {
	case ledger.SlotStarted:
		s.logger.Info("slot started", "schedule", p.name, "job", p.spec.Job, "slot", o.Slot, "invocation", o.Invocation, "late", o.Late)
	case ledger.SlotSkipped:
		s.logger.Warn("slot skipped: an invocation of the schedule has not ended", "schedule", p.name, "slot", o.Slot, "unfinished", o.Invocation)
	case ledger.SlotMissed:
		s.logger.Warn("slot missed: it is older than the catch-up window", "schedule", p.name, "slot", o.Slot)
	case ledger.SlotFailed:
		s.logger.Error("slot failed", "schedule", p.name, "job", p.spec.Job, "slot", o.Slot, "code", o.Code, "reason", o.Message)
	}
}

// Metrics returns what the schedules report.
func (s *Schedules) Metrics() []metrics.Metric {
	return []metrics.Metric{
		s.counters.slots.Metric(),
		metrics.Gauges("runwith_schedule_entries", "Schedules by their state: active, paused, or waiting for a start that was refused for now.", "state",
			func(context.Context) (map[string]int, error) { return s.states(), nil }),
	}
}

func (s *Schedules) states() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[string]int{"active": 0, "paused": 0, "waiting": 0}
	for _, e := range s.entries {
		switch {
		case e.row.Paused || e.plan.paused:
			counts["paused"]++
		case e.trouble != nil:
			counts["waiting"]++
		default:
			counts["active"]++
		}
	}
	return counts
}

// give notes that a slot starts no more, and why.
func give(o *ledger.SlotOutcome, trouble error) {
	o.Result = ledger.SlotMissed
	if trouble != nil {
		o.Result, o.Code, o.Message = ledger.SlotFailed, runwith.CodeOf(trouble).String(), messageOf(trouble)
	}
}
