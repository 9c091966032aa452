package schedule_test

import (
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/schedule"
)

// TestTwoProcesses has two processes on one store. One of them handles the slots; when it closes,
// the other one does.
func TestTwoProcesses(t *testing.T) {
	in(t, func(t *testing.T) {
		s := newServer()
		s.slow = time.Second
		file := schedule.Config{Plans: plans(t, `  a: {cron: "@hourly", job: job, overlap: allow}`)}
		first, second := open(t, &member{s}, file), open(t, &member{s}, file)
		after(2*time.Hour + time.Minute)
		wantSlots(t, s, "01 01:00", "01 02:00")
		for name, v := range map[string]*schedule.Schedules{"first": first, "second": second} {
			if got := get(t, v, "a"); got.Last == nil || got.Last.Slot.Hour() != 2 {
				t.Errorf("last slot in the %s process = %+v, want that of 02:00", name, got.Last)
			}
		}
		closed(t, first)
		after(time.Hour)
		wantSlots(t, s, "01 01:00", "01 02:00", "01 03:00")
		if s.calls != 3 {
			t.Errorf("%d launches, want 3", s.calls)
		}
		if got := get(t, second, "a").Slots.Started; got != 3 {
			t.Errorf("%d slots started, want 3", got)
		}
	})
}

// TestChangedElsewhere makes, pauses and deletes a schedule in a process that does not handle
// slots.
func TestChangedElsewhere(t *testing.T) {
	in(t, func(t *testing.T) {
		s := newServer()
		driver, other := open(t, &member{s}, schedule.Config{}), open(t, &member{s}, schedule.Config{})
		if _, created, err := other.Put(t.Context(), "a", runwith.ScheduleSpec{Cron: "@hourly", Job: "job", Overlap: "allow"}, nil); err != nil || !created {
			t.Fatalf("Put() = created %t, %v", created, err)
		}
		after(time.Second)
		if got := get(t, driver, "a"); got.Job != "job" {
			t.Errorf("in the process that handles slots: %+v, want the schedule", got)
		}
		after(time.Hour)
		wantSlots(t, s, "01 01:00")
		if _, err := other.Pause(t.Context(), "a", nil); err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		if got := get(t, driver, "a"); !got.Paused {
			t.Error("the process that handles slots does not see the pause")
		}
		after(time.Hour)
		wantSlots(t, s, "01 01:00")
		if err := other.Delete(t.Context(), "a", nil); err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		if _, err := driver.Schedule(t.Context(), "a"); runwith.CodeOf(err) != runwith.NotFound {
			t.Errorf("after the schedule was deleted = %v, want NOT_FOUND", err)
		}
	})
}

// TestOtherConfiguration rolls out a configuration with another schedule: the old process, which
// handles the slots, keeps its own, and the new one does not remove it.
func TestOtherConfiguration(t *testing.T) {
	in(t, func(t *testing.T) {
		s := newServer()
		old := open(t, &member{s}, schedule.Config{Plans: plans(t, `  a: {cron: "@hourly", job: job, overlap: allow}`)})
		open(t, &member{s}, schedule.Config{Plans: plans(t, `  b: {cron: "30 * * * *", job: job, overlap: allow}`)})
		after(time.Hour)
		wantSlots(t, s, "01 01:00")
		closed(t, old)
		after(time.Hour)
		wantSlots(t, s, "01 01:00", "01 01:30")
	})
}
