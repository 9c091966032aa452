package schedule_test

import (
	"strings"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/schedule"
)

// TestLateAnswerOfPause checks that a pause whose answer comes after that of a resume does not pause
// the schedule again.
func TestLateAnswerOfPause(t *testing.T) {
	in(t, func(t *testing.T) {
		s := newServer()
		v := open(t, s, schedule.Config{Plans: plans(t, `  a: {cron: "@hourly", job: job, overlap: allow}`)})
		s.set(func() { s.slowSave = 2 * time.Second })
		go v.Pause(t.Context(), "a", nil)
		after(time.Second)
		s.set(func() { s.slowSave = 0 })
		if _, err := v.Resume(t.Context(), "a", nil); err != nil {
			t.Fatal(err)
		}
		after(2*time.Hour - time.Second)
		if get(t, v, "a").Paused {
			t.Error("the schedule is paused, and the store says that it is not")
		}
		wantSlots(t, s, "01 01:00", "01 02:00")
	})
}

// TestLateSlot checks that a slot which was handled during a pause and a resume does not pause the
// schedule again.
func TestLateSlot(t *testing.T) {
	in(t, func(t *testing.T) {
		s := newServer()
		v := open(t, s, schedule.Config{Plans: plans(t, `  a: {cron: "@hourly", job: job, overlap: allow}`)})
		s.set(func() { s.slow = 2 * time.Second })
		after(time.Hour + time.Second)
		if _, err := v.Pause(t.Context(), "a", nil); err != nil {
			t.Fatal(err)
		}
		s.set(func() { s.slowRead = 2 * time.Second })
		after(2 * time.Second) // the slot reads the state, which is paused
		s.set(func() { s.slow, s.slowRead = 0, 0 })
		if _, err := v.Resume(t.Context(), "a", nil); err != nil {
			t.Fatal(err)
		}
		after(time.Hour)
		if get(t, v, "a").Paused {
			t.Error("the schedule is paused, and the store says that it is not")
		}
		wantSlots(t, s, "01 01:00", "01 02:00")
	})
}

// TestPermitSeesTheStore has another process make a schedule of the same name, which this process
// does not know yet.
func TestPermitSeesTheStore(t *testing.T) {
	in(t, func(t *testing.T) {
		s := newServer()
		mine, other := open(t, &member{s}, schedule.Config{}), open(t, &member{s}, schedule.Config{})
		if _, _, err := other.Put(t.Context(), "a", runwith.ScheduleSpec{Cron: "@hourly", Job: "theirs"}, nil); err != nil {
			t.Fatal(err)
		}
		may := func(job string) error {
			if job != "mine" {
				return schedule.NotFound("a")
			}
			return nil
		}
		want := func(what string, err error) {
			t.Helper()
			if runwith.CodeOf(err) != runwith.NotFound {
				t.Errorf("%s = %v, want NOT_FOUND", what, err)
			}
		}
		_, _, err := mine.Put(t.Context(), "a", runwith.ScheduleSpec{Cron: "@daily", Job: "mine"}, may)
		want("Put", err)
		want("Delete", mine.Delete(t.Context(), "a", may))
		after(time.Second)
		_, err = mine.Pause(t.Context(), "a", may)
		want("Pause", err)
		_, err = mine.Resume(t.Context(), "a", may)
		want("Resume", err)
		_, _, err = mine.Run(t.Context(), "a", "", may)
		want("Run", err)
		if got := get(t, other, "a"); got.Job != "theirs" || got.Cron != "@hourly" || got.Paused {
			t.Errorf("schedule = %+v, want it as it was made", got)
		}
	})
}

// TestReplacedElsewhere replaces a schedule in a process that does not handle slots. The other one
// sees the new state before it reads the new schedule: by a request, or because a slot is due.
func TestReplacedElsewhere(t *testing.T) {
	for name, see := range map[string]func(*testing.T, *schedule.Schedules){
		"by a request": func(t *testing.T, driver *schedule.Schedules) {
			t.Helper()
			if _, err := driver.Resume(t.Context(), "a", nil); err != nil {
				t.Fatal(err)
			}
		},
		"by a slot": func(*testing.T, *schedule.Schedules) {},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				s := newServer()
				driver, other := open(t, &member{s}, schedule.Config{}), open(t, &member{s}, schedule.Config{})
				spec := runwith.ScheduleSpec{Cron: "@hourly", Job: "old", Overlap: "allow"}
				if _, _, err := driver.Put(t.Context(), "a", spec, nil); err != nil {
					t.Fatal(err)
				}
				after(time.Hour - 10*time.Millisecond) // the store is read each second
				if spec.Job = "new"; name == "by a request" {
					spec.Cron = "15 * * * *"
				}
				if _, _, err := other.Put(t.Context(), "a", spec, nil); err != nil {
					t.Fatal(err)
				}
				see(t, driver)
				after(3 * time.Hour)
				if len(s.launched) < 3 {
					t.Fatalf("%d launches in three hours, want 3 at least", len(s.launched))
				}
				for _, l := range s.launched {
					if l.Job != "new" {
						t.Errorf("job of slot %s = %s, want that of the new schedule", l.Source.Slot.Format("15:04"), l.Job)
					}
				}
			})
		})
	}
}

// TestBackoffOfSlot lets a slot fail for ten minutes, in a store that is read each second.
func TestBackoffOfSlot(t *testing.T) {
	in(t, func(t *testing.T) {
		s := newServer()
		open(t, &member{s}, schedule.Config{Plans: plans(t, `  a: {cron: "@hourly", job: job, catchUp: 30m}`)})
		s.set(func() { s.fail = runwith.Errorf(runwith.Unavailable, "away") })
		after(time.Hour + 10*time.Minute)
		if s.calls < 5 || s.calls > 20 {
			t.Errorf("%d launches in ten minutes, want growing pauses up to a minute", s.calls)
		}
		s.set(func() { s.fail = nil })
		after(2 * time.Minute)
		wantSlots(t, s, "01 01:00")
	})
}

// TestRunAtOnce starts a schedule that skips three times at the same moment.
func TestRunAtOnce(t *testing.T) {
	in(t, func(t *testing.T) {
		s := newServer()
		s.slow = time.Second
		v := open(t, s, schedule.Config{Plans: plans(t, `  a: {cron: "@daily", job: job, paused: true}`)})
		errs := make(chan error, 3)
		for range cap(errs) {
			go func() {
				_, _, err := v.Run(t.Context(), "a", "", nil)
				errs <- err
			}()
		}
		refused := 0
		for range cap(errs) {
			if err := <-errs; runwith.CodeOf(err) == runwith.Aborted && strings.Contains(err.Error(), "id-1") {
				refused++
			}
		}
		if len(s.started) != 1 || refused != 2 {
			t.Errorf("%d started and %d refused because of the first, want 1 and 2", len(s.started), refused)
		}
	})
}

// TestRepeatsBeforeOverlap repeats a slot and a run-now while another invocation of the schedule
// runs: both find what they have started, although the schedule skips.
func TestRepeatsBeforeOverlap(t *testing.T) {
	in(t, func(t *testing.T) {
		s := newServer()
		v := open(t, s, schedule.Config{Plans: plans(t, `  a: {cron: "@hourly", job: job}`)})
		s.set(func() { s.lost = true })
		after(time.Hour) // the slot has started, but its answer is lost
		wantSlots(t, s, "01 01:00")
		s.set(func() { s.lost = false })
		first, _, err := v.Run(t.Context(), "a", "first", nil)
		if err != nil {
			t.Fatal(err)
		}
		after(time.Minute)
		if got := get(t, v, "a").Slots; got.Started != 1 || got.Skipped != 0 {
			t.Errorf("slots = %+v, want one that has started", got)
		}
		s.slots() // ends the first
		if _, _, err := v.Run(t.Context(), "a", "second", nil); err != nil {
			t.Fatal(err)
		}
		if again, replayed, err := v.Run(t.Context(), "a", "first", nil); err != nil || !replayed || again.ID != first.ID {
			t.Errorf("Run again = %s, %v, %v, want %s replayed", again.ID, replayed, err, first.ID)
		}
	})
}
