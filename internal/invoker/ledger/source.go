package ledger

import (
	"strings"
	"time"

	"github.com/runwith/runwith"
)

// ScheduleTimeVariable carries the time for which a schedule has started a job, in RFC 3339.
const ScheduleTimeVariable = ReservedPrefix + "SCHEDULE_TIME"

// The beginnings of the names of sources. No caller can have such a name.
const triggerPrefix, schedulePrefix = "trigger/", "schedule/"

// manual ends the event of a slot that a person has started.
const manual = " manual"

// ScheduleSource is [SourceName] of a schedule.
func ScheduleSource(name string) string { return schedulePrefix + name }

// SourceName returns the name of a source, which is also that of the principal who owns what
// it starts. It is empty for nil.
func SourceName(s *runwith.Source) string {
	switch {
	case s == nil:
		return ""
	case s.Schedule != "":
		return schedulePrefix + s.Schedule
	}
	return triggerPrefix + s.Trigger
}

// EverySource reports whether a wanted source stands for all triggers or all schedules.
func EverySource(wanted string) bool { return wanted == triggerPrefix || wanted == schedulePrefix }

// SourceIs reports whether the name of a source is the wanted one, or one of those for which it
// stands.
func SourceIs(name, wanted string) bool {
	return name == wanted || EverySource(wanted) && strings.HasPrefix(name, wanted)
}

// SourceEvent returns the identity of a source's event: of a schedule, the time of the slot.
func SourceEvent(s *runwith.Source) string {
	switch {
	case s == nil:
		return ""
	case s.Schedule != "" && !s.Slot.IsZero():
		event := s.Slot.UTC().Format(time.RFC3339Nano)
		if s.Manual {
			event += manual
		}
		return event
	}
	return s.Event
}

// SourceOf returns the source with this name and event, or nil if it is none.
func SourceOf(name, event string) *runwith.Source {
	if schedule, ok := strings.CutPrefix(name, schedulePrefix); ok {
		event, by := strings.CutSuffix(event, manual)
		slot, _ := time.Parse(time.RFC3339Nano, event) // without one, it has none
		return &runwith.Source{Schedule: schedule, Slot: slot, Manual: by}
	}
	if trigger, ok := strings.CutPrefix(name, triggerPrefix); ok {
		return &runwith.Source{Trigger: trigger, Event: event}
	}
	return nil
}
