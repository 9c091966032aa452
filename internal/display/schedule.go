package display

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/terminal"
)

// Schedules shows schedules as a table.
func Schedules(s *terminal.Screen, now time.Time, schedules []*runwith.Schedule) error {
	t := &terminal.Table{Head: []string{"SCHEDULE", "CRON", "ZONE", "JOB", "NEXT", "LAST SLOT", "RESULT"}}
	for _, one := range schedules {
		last := never
		if one.Last != nil {
			last = ago(now, timestamppb.New(one.Last.Slot))
		}
		row := terminal.Cells(one.Name, one.Cron, one.Zone, one.Job, nextSlot(now, one), last, slotResult(one))
		row[6].Style = slotStyle(one)
		t.Add(row...)
	}
	return t.Write(s)
}

// nextSlot returns the next slot, in the zone of the schedule.
func nextSlot(now time.Time, one *runwith.Schedule) string {
	switch {
	case one.Paused:
		return "paused"
	case one.Next.IsZero():
		return never
	}
	return ago(now, timestamppb.New(one.Next))
}

// slotResult returns what became of the latest slot.
func slotResult(one *runwith.Schedule) string {
	switch {
	case one.Waiting != nil:
		return "waiting: " + one.Waiting.Message
	case one.Last == nil:
		return never
	case one.Last.Error != nil:
		return string(one.Last.Result) + ": " + one.Last.Error.Message
	case one.Last.Late:
		return string(one.Last.Result) + ", late"
	}
	return string(one.Last.Result)
}

func slotStyle(one *runwith.Schedule) terminal.Style {
	switch {
	case one.Waiting != nil || one.Last == nil:
		return terminal.Plain
	case one.Last.Result == runwith.SlotStarted:
		return terminal.Green
	}
	return terminal.Red
}

// Schedule shows a schedule in sections.
func Schedule(s *terminal.Screen, now time.Time, one *runwith.Schedule) error {
	v := newView(s, now)
	v.Begin("Schedule " + one.Name)
	v.Row("Cron", one.Cron)
	v.Row("Zone", one.Zone)
	v.Row("Job", one.Job)
	names := make([]string, 0, len(one.Parameters))
	for name := range one.Parameters {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		v.Row("Parameter "+name, fmt.Sprint(one.Parameters[name]))
	}
	v.Row("Overlap", one.Overlap)
	v.Row("Catch-up", one.CatchUp)
	if one.Jitter != "" {
		v.Row("Jitter", one.Jitter)
	}
	v.Row("Origin", string(one.Origin))
	if one.Paused || one.Next.IsZero() {
		v.Row("Next", nextSlot(now, one))
	} else {
		v.Row("Next", exactly(now, timestamppb.New(one.Next)))
	}
	v.Row("Started", strconv.Itoa(one.Slots.Started))
	v.Row("Skipped", strconv.Itoa(one.Slots.Skipped))
	v.Row("Failed", strconv.Itoa(one.Slots.Failed))
	v.Row("Missed", strconv.Itoa(one.Slots.Missed))
	if one.Last != nil || one.Waiting != nil {
		v.Begin("Latest slot")
		row := terminal.Cells("Result", slotResult(one))
		row[1].Style = slotStyle(one)
		v.Cells(row...)
	}
	if one.Last != nil {
		v.Row("Slot", exactly(now, timestamppb.New(one.Last.Slot)))
		v.Row("Handled", exactly(now, timestamppb.New(one.Last.At)))
		v.Row("Invocation", one.Last.Invocation)
	}
	return v.End()
}
