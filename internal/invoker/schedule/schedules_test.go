package schedule_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/schedule"
)

func wantSlots(t *testing.T, s *server, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, s.slots()); diff != "" {
		t.Errorf("slots (-want +got):\n%s", diff)
	}
}

func TestSlotsStartOnce(t *testing.T) {
	in(t, func(t *testing.T) {
		s := newServer()
		v := open(t, s, schedule.Config{Plans: plans(t, `  a: {cron: "0 */2 * * *", job: job, overlap: allow}`)})
		after(4*time.Hour + time.Minute)
		wantSlots(t, s, "01 02:00", "01 04:00")
		got := get(t, v, "a")
		if got.Slots.Started != 2 {
			t.Errorf("started slots = %d, want 2", got.Slots.Started)
		}
		if got.Last.Result != runwith.SlotStarted {
			t.Errorf("result of the last slot = %s, want started", got.Last.Result)
		}
		if got.Last.Invocation != "id-2" {
			t.Errorf("invocation of the last slot = %q, want id-2", got.Last.Invocation)
		}
		if want := time.Date(2000, 1, 1, 6, 0, 0, 0, time.UTC); !got.Next.Equal(want) {
			t.Errorf("next slot = %v, want %v", got.Next, want)
		}
		l := s.launched[0]
		if l.Key != "2000-01-01T02:00:00Z" || l.KeyKeep < 31*24*time.Hour || l.Slot.Key != "" {
			t.Errorf("launch = %+v", l)
		}
	})
}

// TestRestartBetweenStartAndSave loses every answer and every save around a slot.
func TestRestartBetweenStartAndSave(t *testing.T) {
	for _, overlap := range []string{"skip", "allow", "queue"} {
		t.Run(overlap, func(t *testing.T) {
			in(t, func(t *testing.T) {
				s, p := newServer(), plans(t, `  a: {cron: "@hourly", job: job, catchUp: 0, overlap: `+overlap+`}`)
				v := open(t, s, schedule.Config{Plans: p})
				after(59 * time.Minute)
				s.set(func() { s.unsaved = errors.New("disk") })
				after(time.Minute)
				closed(t, v)
				s.set(func() { s.unsaved = nil })
				v = open(t, s, schedule.Config{Plans: p})
				after(time.Minute)
				if got := get(t, v, "a"); got.Slots.Started != 1 || got.Last.Result != runwith.SlotStarted {
					t.Errorf("%s: last = %+v, want started once", overlap, got.Last)
				}
				wantSlots(t, s, "01 01:00")
			})
		})
	}
}

func TestCatchUp(t *testing.T) {
	for _, test := range []struct {
		catchUp         string
		down            time.Duration
		want            []string
		missed, started int
	}{
		{"1h", 3*time.Hour + 10*time.Minute, []string{"01 03:00"}, 2, 1},      // 03:10, slots 1, 2, 3
		{"5m", 3*time.Hour + 10*time.Minute, nil, 3, 0},                       // too old
		{"0", 3*time.Hour + 10*time.Minute, nil, 3, 0},                        // none late
		{"0", 3*time.Hour + time.Minute, []string{"01 03:00"}, 2, 1},          // a minute is on time
		{"168h", 100*time.Hour + 10*time.Minute, []string{"05 04:00"}, 99, 1}, // at most one
	} {
		t.Run(test.catchUp, func(t *testing.T) {
			in(t, func(t *testing.T) {
				s, p := newServer(), plans(t, `  a: {cron: "@hourly", job: job, catchUp: `+test.catchUp+`}`)
				closed(t, open(t, s, schedule.Config{Plans: p}))
				after(test.down)
				v := open(t, s, schedule.Config{Plans: p})
				after(0)
				wantSlots(t, s, test.want...)
				got := get(t, v, "a")
				if got.Slots.Missed != test.missed || got.Slots.Started != test.started {
					t.Errorf("catchUp %s after %v: %+v, want %d missed", test.catchUp, test.down, got.Slots, test.missed)
				}
				if test.started == 1 && got.Last.Late != (test.down%time.Hour > 2*time.Minute) {
					t.Errorf("catchUp %s: late = %t", test.catchUp, got.Last.Late)
				}
			})
		})
	}
}

// TestClockJumps sets the clock back and forth.
func TestClockJumps(t *testing.T) {
	in(t, func(t *testing.T) {
		s := newServer()
		v := open(t, s, schedule.Config{Plans: plans(t, `  a: {cron: "@hourly", job: job, catchUp: 10m, overlap: allow}`)})
		after(61 * time.Minute)
		wantSlots(t, s, "01 01:00")
		s.set(func() { s.offset = -30 * time.Minute })
		after(32 * time.Minute) // 01:03 again
		wantSlots(t, s, "01 01:00")
		s.set(func() { s.offset = 4 * time.Hour }) // 05:33
		after(time.Minute)
		wantSlots(t, s, "01 01:00")
		if got := get(t, v, "a"); got.Slots.Missed != 4 {
			t.Errorf("missed %d slots, want 4: they are older than the window", got.Slots.Missed)
		}
		after(30 * time.Minute)
		wantSlots(t, s, "01 01:00", "01 06:00")
		s.set(func() { s.offset = 90 * 24 * time.Hour }) // a wrong clock, which is corrected
		after(time.Minute)
		s.set(func() { s.offset = 4 * time.Hour })
		after(time.Hour)
		wantSlots(t, s, "01 01:00", "01 06:00", "31 02:00", "01 07:00")
	})
}

func TestOverlapSkips(t *testing.T) {
	in(t, func(t *testing.T) {
		s := newServer()
		v := open(t, s, schedule.Config{Plans: plans(t, `  a: {cron: "@hourly", job: job}`)})
		after(3*time.Hour + time.Minute)
		got := get(t, v, "a")
		if got.Slots.Skipped != 2 || got.Last.Result != runwith.SlotSkipped || got.Last.Invocation != "id-1" {
			t.Errorf("slots %+v, last %+v, want two skipped because of id-1", got.Slots, got.Last)
		}
		wantSlots(t, s, "01 01:00") // and ends it
		after(time.Hour)
		wantSlots(t, s, "01 01:00", "01 04:00")
	})
}

func TestOverlapQueuesAndReplaces(t *testing.T) {
	in(t, func(t *testing.T) {
		s := newServer()
		open(t, s, schedule.Config{Plans: plans(t, "  a: {cron: '@hourly', job: job, overlap: queue}\n  b: {cron: '@hourly', job: job, overlap: replace}")})
		after(time.Hour)
		for _, l := range s.launched {
			want := map[string]string{"a": "queue", "b": "replace"}[l.Source.Schedule]
			if l.Slot.Key != "schedule/"+l.Source.Schedule || l.Slot.Limit != 1 || string(l.Slot.Overflow) != want {
				t.Errorf("slot of %s = %+v", l.Source.Schedule, l.Slot)
			}
		}
		if len(s.launched) != 2 {
			t.Errorf("%d launches, want 2", len(s.launched))
		}
	})
}

// TestLabelOfTheJob finds a label of a schedule that its job sets.
func TestLabelOfTheJob(t *testing.T) {
	t.Parallel()
	file, err := configfile.Read("f", `jobs: {job: {labels: {tenant: acme, kind: x}}}
schedules:
  a:
    cron: "@daily"
    job: job
    labels:
      mine: x
      tenant: other
      kind: y`, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = schedule.Compile(file, nil)
	for _, want := range []string{"f:8:7: schedules.a.labels.tenant: is set by the job job", "f:9:7: schedules.a.labels.kind: is set by"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Compile() = %v, want %q", err, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	in(t, func(t *testing.T) {
		s := newServer()
		v := open(t, s, schedule.Config{Plans: plans(t, `  a: {cron: "@hourly", job: job, catchUp: 10m}`)})
		s.set(func() { s.fail = errRefused })
		after(90 * time.Minute)
		got := get(t, v, "a")
		if s.calls != 1 || got.Slots.Failed != 1 || got.Last.Error.Message != errRefused.Message {
			t.Errorf("%d calls, last %+v: want one, which failed for good", s.calls, got.Last)
		}
		s.set(func() { s.fail, s.calls = runwith.Errorf(runwith.Unavailable, "not now"), 0 })
		after(32 * time.Minute)
		if got = get(t, v, "a"); got.Waiting == nil || got.Waiting.Message != "not now" {
			t.Errorf("waiting = %+v, want not now", got.Waiting)
		}
		s.set(func() { s.fail = nil })
		after(2 * time.Minute)
		wantSlots(t, s, "01 02:00")
		if got = get(t, v, "a"); got.Waiting != nil || got.Slots.Started != 1 {
			t.Errorf("waiting %+v, slots %+v, want started after all", got.Waiting, got.Slots)
		}
		s.set(func() { s.fail, s.calls = runwith.Errorf(runwith.Unavailable, "not now"), 0 })
		after(68 * time.Minute)
		got = get(t, v, "a")
		if got.Slots.Failed != 2 {
			t.Errorf("failed slots = %d, want 2", got.Slots.Failed)
		}
		if got.Last.Error.Code != "UNAVAILABLE" {
			t.Errorf("error of the last slot = %+v, want UNAVAILABLE", got.Last.Error)
		}
		if s.calls < 10 || s.calls > 20 {
			t.Errorf("%d calls, want 10 to 20 before the end of the window", s.calls)
		}
		// It says that it takes longer than the window.
		s.set(func() {
			s.fail, s.calls = &runwith.Error{Code: runwith.ResourceExhausted, Message: "budget", Err: cause.RetryAfter(24 * time.Hour)}, 0
		})
		after(time.Hour)
		if got = get(t, v, "a"); got.Slots.Failed != 3 || s.calls != 1 {
			t.Errorf("%d calls, %+v: want one", s.calls, got.Slots)
		}
	})
}

func TestPause(t *testing.T) {
	in(t, func(t *testing.T) {
		s, p := newServer(), plans(t, `  a: {cron: "@hourly", job: job}`)
		v := open(t, s, schedule.Config{Plans: p})
		if paused, err := v.Pause(t.Context(), "a", nil); err != nil || !paused.Paused || !paused.Next.IsZero() {
			t.Fatalf("Pause = %+v, %v", paused, err)
		}
		after(90 * time.Minute)
		closed(t, v)
		v = open(t, s, schedule.Config{Plans: p})
		after(time.Hour)
		if resumed, err := v.Resume(t.Context(), "a", nil); err != nil || resumed.Paused || resumed.Next.Hour() != 3 {
			t.Fatalf("Resume = %+v, %v", resumed, err)
		}
		after(time.Hour)
		wantSlots(t, s, "01 03:00")
		if got := get(t, v, "a"); got.Slots.Missed != 0 {
			t.Errorf("missed %d within the pause, want 0", got.Slots.Missed)
		}
		v.Use(plans(t, `  a: {cron: "@hourly", job: job, paused: true}`))
		after(2 * time.Hour)
		if got := get(t, v, "a"); !got.PausedByFile {
			t.Errorf("schedule = %+v, want it paused by the file", got)
		}
		if _, err := v.Resume(t.Context(), "a", nil); runwith.CodeOf(err) != runwith.FailedPrecondition {
			t.Errorf("Resume of what the file pauses = %v, want FAILED_PRECONDITION", err)
		}
		v.Use(p)
		after(29 * time.Minute)
		wantSlots(t, s, "01 03:00") // not the one within the pause
	})
}

func TestNewTimingBeginsNow(t *testing.T) {
	in(t, func(t *testing.T) {
		s := newServer()
		v := open(t, s, schedule.Config{Plans: plans(t, `  a: {cron: "30 * * * *", job: job, overlap: allow}`)})
		after(45 * time.Minute)
		v.Use(plans(t, "  a: {cron: '20 * * * *', job: job, overlap: allow}\n  b: {cron: '40 * * * *', zone: Asia/Kathmandu, job: job}"))
		after(30 * time.Minute)
		wantSlots(t, s, "01 00:30", "01 00:55")
		v.Use(plans(t, `  b: {cron: '40 * * * *', zone: UTC, job: job}`))
		after(20 * time.Minute)
		wantSlots(t, s, "01 00:30", "01 00:55")
		rows, _ := s.Schedules(t.Context())
		if all, _ := v.List(t.Context()); len(all) != 1 || len(rows) != 1 {
			t.Errorf("%d schedules, %d rows, want 1: the file has no other", len(all), len(rows))
		}
		after(10 * time.Minute)
		wantSlots(t, s, "01 00:30", "01 00:55", "01 01:40")
	})
}

func TestRunNow(t *testing.T) {
	in(t, func(t *testing.T) {
		s := newServer()
		v := open(t, s, schedule.Config{Plans: plans(t, `  a: {cron: "@daily", job: job, paused: true}`)})
		after(90 * time.Second)
		i, replayed, err := v.Run(t.Context(), "a", "key", nil)
		if err != nil {
			t.Fatal(err)
		}
		if replayed {
			t.Fatal("the first Run was replayed")
		}
		want := &runwith.Source{Manual: true, Schedule: "a", Slot: time.Now()}
		if diff := cmp.Diff(want, i.Source); diff != "" {
			t.Fatalf("source of Run (-want +got):\n%s", diff)
		}
		after(time.Second)
		if again, replayed, err := v.Run(t.Context(), "a", "key", nil); err != nil || !replayed || again.ID != i.ID {
			t.Errorf("Run again = %s, %v, %v, want %s replayed", again.ID, replayed, err, i.ID)
		}
		if _, _, err := v.Run(t.Context(), "a", "", nil); runwith.CodeOf(err) != runwith.Aborted || !strings.Contains(err.Error(), i.ID) {
			t.Errorf("Run while %s runs = %v, want ABORTED", i.ID, err)
		}
		s.slots()
		if _, _, err := v.Run(t.Context(), "a", "", nil); err != nil {
			t.Errorf("Run after the end = %v", err)
		}
	})
}

// TestEphemeral restarts a server that forgets everything but the invocations of Cloud Run.
func TestEphemeral(t *testing.T) {
	in(t, func(t *testing.T) {
		s, p := newServer(), plans(t, `  a: {cron: "@hourly", job: job, catchUp: 30m}`)
		v := open(t, s, schedule.Config{Plans: p, Ephemeral: true})
		wantSlots(t, s, "01 00:00") // the slot of now
		forget := func(d time.Duration) {
			closed(t, v)
			s.set(func() { clear(s.rows) })
			after(d)
			v = open(t, s, schedule.Config{Plans: p, Ephemeral: true})
		}
		forget(10 * time.Minute) // 00:10: the slot has its key
		wantSlots(t, s, "01 00:00")
		forget(62 * time.Minute) // 01:12: it was away at 01:00
		wantSlots(t, s, "01 00:00", "01 01:00")
		forget(90 * time.Minute) // 02:42: 02:00 is too old
		wantSlots(t, s, "01 00:00", "01 01:00")
		if _, err := v.Pause(t.Context(), "a", nil); runwith.CodeOf(err) != runwith.FailedPrecondition {
			t.Errorf("Pause = %v, want FAILED_PRECONDITION: it would be forgotten", err)
		}
		if _, _, err := v.Put(t.Context(), "b", runwith.ScheduleSpec{Cron: "@daily", Job: "job"}, nil); runwith.CodeOf(err) != runwith.FailedPrecondition {
			t.Errorf("Put = %v, want FAILED_PRECONDITION: it would be forgotten", err)
		}
	})
}

// TestJitter delays the launches themselves, so that overlap is decided when the job starts. The
// slot stays the slot.
func TestJitter(t *testing.T) {
	for _, ephemeral := range []bool{false, true} {
		t.Run(fmt.Sprint("ephemeral ", ephemeral), func(t *testing.T) {
			in(t, func(t *testing.T) {
				s := newServer()
				s.offset = -time.Minute
				var file strings.Builder
				for n := range 200 {
					fmt.Fprintf(&file, "  a%d: {cron: '@hourly', job: job, jitter: 10m, catchUp: 0, overlap: replace}\n", n)
				}
				v := open(t, s, schedule.Config{Plans: plans(t, file.String()), Ephemeral: ephemeral})
				after(time.Minute) // midnight
				after(59 * time.Minute)
				s.set(func() {
					if !ephemeral && len(s.launched) != 200 {
						t.Errorf("%d starts, want 200", len(s.launched))
					}
				})
				after(12 * time.Minute)
				early, slot := 0, time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC)
				delays := map[string]time.Duration{}
				for n, l := range s.launched {
					if !l.Source.Slot.Equal(slot) || l.Key != "2000-01-01T01:00:00Z" {
						continue
					}
					d := s.times[n].Sub(slot)
					if d < 0 || d >= 10*time.Minute {
						t.Errorf("delay = %v", d)
					}
					if d < 5*time.Minute {
						early++
					}
					delays[l.Source.Schedule] = d
				}
				if len(delays) != 200 || early < 60 || early > 140 {
					t.Errorf("%d starts, %d of them early, want about half of 200", len(delays), early)
				}
				if got := get(t, v, "a1"); got.Slots.Missed != 0 || got.Last.Late {
					t.Errorf("slots = %+v, last = %+v, want none missed or late", got.Slots, got.Last)
				}
			})
		})
	}
}

// TestManyAtOnce starts 1,000 slots of one minute.
func TestManyAtOnce(t *testing.T) {
	in(t, func(t *testing.T) {
		s := newServer()
		var file strings.Builder
		for n := range 1000 {
			fmt.Fprintf(&file, "  a%d: {cron: '@hourly', job: job}\n", n)
		}
		v := open(t, s, schedule.Config{Plans: plans(t, file.String())})
		after(time.Hour)
		v.Start(t.Context())
		names, started := map[string]bool{}, 0
		s.set(func() {
			for _, i := range s.started {
				names[i.Source.Schedule] = true
			}
			started = len(s.started)
		})
		if started != 1000 || len(names) != 1000 {
			t.Errorf("%d starts of %d schedules, want 1000 of 1000", started, len(names))
		}
	})
}

// TestTwoServers drives the same schedules from several processes.
func TestTwoServers(t *testing.T) {
	in(t, func(t *testing.T) {
		s, p := newServer(), plans(t, `  a: {cron: "*/10 * * * *", job: job, overlap: allow}`)
		var all []*schedule.Schedules
		for range 3 {
			all = append(all, open(t, s, schedule.Config{Plans: p}))
		}
		after(2 * time.Hour)
		if got := len(s.slots()); got != 12 {
			t.Errorf("%d starts, want 12", got)
		}
		if _, err := all[0].Pause(t.Context(), "a", nil); err != nil {
			t.Fatal(err)
		}
		after(time.Hour)
		if got := len(s.slots()); got != 12 {
			t.Errorf("%d starts, want 12: one of the servers has paused it", got)
		}
		if row := s.rows["a"]; row.Counts.Started != 12 || row.Counts.Missed != 0 {
			t.Errorf("counts = %+v, want 12 started", row.Counts)
		}
	})
}

func TestMade(t *testing.T) {
	in(t, func(t *testing.T) {
		s, p := newServer(), plans(t, `  file: {cron: "@daily", job: job}`)
		v := open(t, s, schedule.Config{Plans: p})
		spec := runwith.ScheduleSpec{Cron: "30 * * * *", Job: "job", Parameters: map[string]any{"n": 1}, Overlap: "allow"}
		made, created, err := v.Put(t.Context(), "made", spec, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !created {
			t.Fatal("Put of a new schedule has created none")
		}
		if made.Origin != runwith.OriginAPI {
			t.Fatalf("origin = %s, want %s", made.Origin, runwith.OriginAPI)
		}
		if minute := made.Next.Minute(); minute != 30 {
			t.Fatalf("next slot is in minute %d, want 30", minute)
		}
		after(45 * time.Minute)
		wantSlots(t, s, "01 00:30")
		closed(t, v)
		v = open(t, s, schedule.Config{Plans: p})
		if _, created, err := v.Put(t.Context(), "made", spec, nil); err != nil || created {
			t.Errorf("Put again = %v, %v, want the same", created, err)
		}
		after(time.Hour)
		wantSlots(t, s, "01 00:30", "01 01:30")
		for name, spec := range map[string]runwith.ScheduleSpec{
			"file": spec, "Upper": spec, "cron": {Cron: "0 0 31 2 *", Job: "job"}, "zone": {Cron: "@daily", Zone: "Local", Job: "job"},
			"job": {Cron: "@daily"}, "overlap": {Cron: "@daily", Job: "job", Overlap: "x"}, "window": {Cron: "@daily", Job: "job", CatchUp: "-1s"},
			"jitter": {Cron: "* * * * *", Job: "job", Jitter: "1m"}, "labels": {Cron: "@daily", Job: "job", Labels: map[string]string{"A": ""}},
		} {
			if _, _, err := v.Put(t.Context(), name, spec, nil); err == nil {
				t.Errorf("Put(%s) was accepted", name)
			}
		}
		if err := v.Delete(t.Context(), "file", nil); runwith.CodeOf(err) != runwith.FailedPrecondition {
			t.Errorf("Delete of the file's = %v, want FAILED_PRECONDITION", err)
		}
		if err := v.Delete(t.Context(), "made", nil); err != nil {
			t.Fatal(err)
		}
		if err := v.Delete(t.Context(), "made", nil); runwith.CodeOf(err) != runwith.NotFound {
			t.Errorf("Delete again = %v, want NOT_FOUND", err)
		}
		after(2 * time.Hour)
		wantSlots(t, s, "01 00:30", "01 01:30")
	})
}

// TestMadeAgain deletes a schedule, and makes another one with its name.
func TestMadeAgain(t *testing.T) {
	in(t, func(t *testing.T) {
		s, p := newServer(), plans(t, `  file: {cron: "@daily", job: job}`)
		v := open(t, s, schedule.Config{Plans: p})
		put := func(cron string) runwith.Schedule {
			made, _, err := v.Put(t.Context(), "made", runwith.ScheduleSpec{Cron: cron, Job: "job"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			return made
		}
		put("@hourly")
		old, err := s.Schedule(t.Context(), "made")
		if err != nil {
			t.Fatal(err)
		}
		after(time.Hour) // one starts, which goes on
		if _, err := v.Pause(t.Context(), "made", nil); err != nil {
			t.Fatal(err)
		}
		if err := v.Delete(t.Context(), "made", nil); err != nil {
			t.Fatal(err)
		}
		made := put("30 * * * *")
		if made.Paused {
			t.Error("a schedule that was made again is paused")
		}
		if made.Slots.Started != 0 {
			t.Errorf("started slots of a new schedule = %d, want none", made.Slots.Started)
		}
		if made.Last != nil {
			t.Errorf("last slot of a new schedule = %+v, want none", made.Last)
		}
		if minute := made.Next.Minute(); minute != 30 {
			t.Errorf("next slot is in minute %d, want 30", minute)
		}
		if saved, err := s.SaveSchedules(t.Context(), []ledger.Schedule{old}); err != nil || len(saved) > 0 {
			t.Errorf("save of the deleted schedule = %v, %v, want it skipped", saved, err)
		}
		after(time.Hour)
		if got := get(t, v, "made"); got.Last.Result != runwith.SlotSkipped || got.Last.Invocation != "id-1" {
			t.Errorf("last = %+v, want it skipped because of an invocation of the deleted schedule", got.Last)
		}

		// Later the file has the name.
		if _, err := v.Pause(t.Context(), "made", nil); err != nil {
			t.Fatal(err)
		}
		v.Use(plans(t, `  made: {cron: "30 * * * *", job: job}`))
		after(0)
		got := get(t, v, "made")
		if got.Origin != runwith.OriginFile || !got.Paused || got.Slots.Skipped != 1 {
			t.Errorf("the file's = %+v, want it with the pause and the counts", got)
		}
		if _, _, err := v.Put(t.Context(), "made", runwith.ScheduleSpec{Cron: "@hourly", Job: "job"}, nil); runwith.CodeOf(err) != runwith.FailedPrecondition {
			t.Errorf("Put of the file's = %v, want FAILED_PRECONDITION", err)
		}
		v.Use(p)
		after(0)
		if _, err := v.Schedule(t.Context(), "made"); runwith.CodeOf(err) != runwith.NotFound {
			t.Errorf("removed from the file = %v, want NOT_FOUND: the API's does not come back", err)
		}
		if made := put("@hourly"); made.Paused || made.Slots.Skipped != 0 {
			t.Errorf("made after the file's = %+v, want a new schedule", made)
		}
	})
}

// TestLoadedWhenOpened asks for schedules at once, before earlier invocations are known.
func TestLoadedWhenOpened(t *testing.T) {
	in(t, func(t *testing.T) {
		s := newServer()
		c := schedule.Config{Plans: plans(t, `  a: {cron: "@hourly", job: job}`), Store: s, Starter: s, Configured: true, Ready: make(chan struct{})}
		v, err := schedule.Open(c)
		if err != nil {
			t.Fatal(err)
		}
		defer closed(t, v)
		if got := get(t, v, "a"); got.Next.Hour() != 1 {
			t.Errorf("schedule = %+v, want its next slot", got)
		}
		if all, err := v.List(t.Context()); err != nil || len(all) != 1 {
			t.Errorf("List() = %v, %v, want one", all, err)
		}
	})
}

// TestStoreFailsAtFirst begins while the store cannot be written.
func TestStoreFailsAtFirst(t *testing.T) {
	in(t, func(t *testing.T) {
		s := newServer()
		s.unsaved = errors.New("disk")
		v := open(t, s, schedule.Config{Plans: plans(t, `  a: {cron: "@hourly", job: job}`)})
		after(5 * time.Second)
		if _, err := v.Schedule(t.Context(), "a"); runwith.CodeOf(err) != runwith.NotFound {
			t.Errorf("Schedule = %v, want NOT_FOUND before it is on disk", err)
		}
		s.set(func() { s.unsaved = nil })
		after(time.Hour)
		wantSlots(t, s, "01 01:00")
		synctest.Wait()
	})
}
