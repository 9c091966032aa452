package sqlite_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/store/sqlite"
	"github.com/runwith/runwith/internal/invoker/store/storetest"
)

var writeFixture = flag.Bool("fixture", false, "write testdata/schemaN/invoker.db anew for the newest schema; a released one never changes")

// schemas is the number of released schemas, each of which has a fixture.
const schemas = 6

// states are the states of the invocations in a fixture, in the order of their IDs.
var states = []runwith.State{
	runwith.StateAccepted, runwith.StateStarting, runwith.StateRunning, runwith.StateSucceeded, runwith.StateFailed,
	runwith.StateCancelled, runwith.StateRefused, runwith.StateUnresolved, runwith.StateQueued,
}

func fixtureID(n int) string { return fmt.Sprintf("01900000-0000-7000-8000-%012d", n) }

// TestEveryReleasedSchemaIsOpened opens a database of each released schema, and checks
// that its rows are there and can move.
func TestEveryReleasedSchemaIsOpened(t *testing.T) {
	t.Parallel()
	if *writeFixture {
		makeFixture(t)
	}
	if scripts, err := filepath.Glob("schema/[0-9]*.sql"); err != nil || len(scripts) != schemas {
		t.Errorf("schema/ has %d migrations, %v, and %d have a fixture: add one with -fixture", len(scripts), err, schemas)
	}
	for version := 1; version <= schemas; version++ {
		t.Run(fmt.Sprint("schema ", version), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "invoker.db")
			content, err := os.ReadFile(fixture(version))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			s := open(t, path)
			for n, state := range states {
				if version == 1 && state == runwith.StateQueued {
					continue // no such state yet
				}
				r, err := s.Find(t.Context(), fixtureID(n))
				if err != nil {
					t.Errorf("invocation %d: %v", n, err)
				}
				if r.State != state {
					t.Errorf("state of invocation %d = %s, want %s", n, r.State, state)
				}
				if r.Job != "report" {
					t.Errorf("job of invocation %d = %q, want report", n, r.Job)
				}
				if r.Version != 1 {
					t.Errorf("version of invocation %d = %d, want 1", n, r.Version)
				}
			}
			watched, err := s.Watched(t.Context(), "report")
			if err != nil || len(watched) != 1 || watched[0].State != runwith.StateRunning {
				t.Errorf("watched = %+v, %v, want the one that runs", watched, err)
			}
			taken, err := s.Take(t.Context(), ledger.Take{Now: watched[0].Created.AddDate(1, 0, 0), Limit: 1, Runs: "runs"})
			if err != nil || len(taken.Records) != 1 || taken.Records[0].ID != fixtureID(0) {
				t.Errorf("taken = %+v, %v, want the one that waits", taken, err)
			}
			if version >= 4 {
				checkParts(t, s)
			}
		})
	}
}

func fixture(version int) string {
	return filepath.Join("testdata", fmt.Sprint("schema", version), "invoker.db")
}

// makeFixture writes a database of the newest schema with an invocation in each state.
func makeFixture(t *testing.T) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "invoker.db")
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for n, state := range states {
		r := storetest.Waiting(n)
		r.ID, r.State = fixtureID(n), state
		if state == runwith.StateRunning || state == runwith.StateSucceeded {
			r.Execution = fmt.Sprint("projects/demo/locations/us-east4/jobs/report/executions/report-", n)
		}
		if state.Terminal() {
			r.Finished = r.Created
		}
		if _, err := s.Accept(t.Context(), r, ledger.Admission{Now: r.Created}); err != nil {
			t.Fatal(err)
		}
	}
	addParts(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(fixture(schemas)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(fixture(schemas), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// later returns a row of a fixture that sleeps until a day after the others, with labels.
func later() ledger.Record {
	r := storetest.Waiting(len(states))
	r.ID, r.StartAt = fixtureID(len(states)), r.Created.AddDate(0, 0, 1)
	r.Source, r.Labels = &runwith.Source{Schedule: "nightly", Slot: r.Created}, map[string]string{"tenant": "acme"}
	r.Owner = ledger.OwnerOf("schedule/nightly")
	return r
}

// nightly returns the state of the schedule in a fixture.
func nightly() ledger.Schedule {
	at := storetest.Waiting(0).Created
	return ledger.Schedule{
		Name: "nightly", Timing: "@daily UTC", Cursor: at,
		Last: ledger.SlotOutcome{Slot: at, At: at, Result: ledger.SlotStarted, Invocation: fixtureID(len(states))}, Counts: ledger.SlotCounts{Started: 1},
	}
}

// refused returns the refused event in a fixture.
func refused() ledger.RefusedEvent {
	return ledger.RefusedEvent{
		ID: fixtureID(100), Trigger: "uploads", Job: "report", Event: "event 1", Caller: "eventarc", Received: storetest.Waiting(0).Created,
		Code: "INVALID_ARGUMENT", Message: "/name: is missing", ContentType: "application/json", Body: []byte("{}"), Size: 2, Seen: 1,
	}
}

// addParts adds a row that sleeps, a schedule and a refused event, all of which schema 4 introduced.
func addParts(t *testing.T, s *sqlite.Store) {
	t.Helper()
	if _, err := s.Accept(t.Context(), later(), ledger.Admission{Now: later().Created}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SaveSchedules(t.Context(), []ledger.Schedule{nightly()}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.AddEvent(t.Context(), refused()); err != nil {
		t.Fatal(err)
	}
}

// checkParts checks what addParts added, and that it can change.
func checkParts(t *testing.T, s *sqlite.Store) {
	t.Helper()
	found, err := s.List(t.Context(), store.Query{Labels: later().Labels, Limit: 9})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 {
		t.Fatalf("rows with the label = %+v, want one", found)
	}
	if found[0].ID != later().ID {
		t.Errorf("ID of the row with the label = %q, want %q", found[0].ID, later().ID)
	}
	if !found[0].StartAt.Equal(later().StartAt) {
		t.Errorf("the row with the label starts at %v, want %v", found[0].StartAt, later().StartAt)
	}
	if got, want := *found[0].Source, *later().Source; got != want {
		t.Errorf("source of the row with the label = %+v, want %+v", got, want)
	}
	due := later().StartAt.Add(time.Second)
	taken, err := s.Take(t.Context(), ledger.Take{Now: due, Call: time.Minute, Limit: 9, Runs: "runs"})
	if err != nil || !slices.ContainsFunc(taken.Records, func(r ledger.Record) bool { return r.ID == later().ID }) {
		t.Errorf("taken at its time = %+v, %v, want the row that sleeps among them", taken.Records, err)
	}
	schedule, err := s.Schedule(t.Context(), "nightly")
	want := nightly()
	want.Version = want.FirstVersion()
	if diff := cmp.Diff(want, schedule); err != nil || diff != "" {
		t.Errorf("schedule: %v (-want +got):\n%s", err, diff)
	}
	next := schedule.Handled(ledger.SlotOutcome{Slot: due, At: due, Result: ledger.SlotStarted}, 0)
	if saved, err := s.SaveSchedules(t.Context(), []ledger.Schedule{next}); err != nil || len(saved) != 1 {
		t.Errorf("SaveSchedules = %+v, %v, want the next slot saved", saved, err)
	}
	event, dropped, err := s.AddEvent(t.Context(), refused())
	if err != nil {
		t.Fatal(err)
	}
	if dropped != 0 {
		t.Errorf("the refused event again has dropped %d, want none", dropped)
	}
	if event.Seen != 2 {
		t.Errorf("the refused event was seen %d times, want twice", event.Seen)
	}
	if event.ID != refused().ID {
		t.Errorf("ID of the refused event again = %q, want %q", event.ID, refused().ID)
	}
}
