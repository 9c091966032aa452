package sqlite_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/store/sqlite"
	"github.com/runwith/runwith/internal/invoker/store/storetest"
)

func open(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	empty := func(t *testing.T) store.Store { return open(t, filepath.Join(t.TempDir(), "invoker.db")) }
	storetest.Run(t, empty)
	storetest.RunRecover(t, empty)
}

// TestRecoverInSteps recovers more rows than are loaded at once.
func TestRecoverInSteps(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "invoker.db"))
	rows := make([]ledger.Record, 1200)
	for n := range rows {
		rows[n] = storetest.Waiting(n)
		rows[n].ID = fmt.Sprintf("id-%06d", n)
	}
	if _, err := s.Import(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Recover(t.Context(), rows[0].Created, time.Second); err != nil {
		t.Fatal(err)
	}
	watched, err := s.Watched(t.Context(), "report")
	if err != nil || len(watched) != len(rows) {
		t.Errorf("%d are searched for, %v, want %d", len(watched), err, len(rows))
	}
}

// TestRestoredVersions checks that callbacks of a restored store have higher versions than those
// that its original may have sent since.
func TestRestoredVersions(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "invoker.db")
	s := open(t, path)
	ended := storetest.Waiting(1)
	ended.State, ended.Finished = runwith.StateCancelled, ended.Created
	if _, err := s.Import(t.Context(), []ledger.Record{storetest.Waiting(0), ended}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+sqlite.RestoredSuffix, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := ledger.LaterVersion(time.Now())
	if _, err := s.Recover(t.Context(), ended.Created, time.Second); err != nil {
		t.Fatal(err)
	}
	for id, raised := range map[string]bool{"id-000": true, "id-001": false} {
		if r, err := s.Find(t.Context(), id); err != nil || (r.Version >= before) != raised {
			t.Errorf("version of %s = %d, %v, want raised above %d: %t", id, r.Version, err, before, raised)
		}
	}
}

func TestRestoredMark(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "invoker.db")
	s := open(t, path)
	if err := os.WriteFile(path+sqlite.RestoredSuffix, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, restored := range []bool{true, false} {
		if o, err := s.Origin(t.Context()); o.Restored != restored || err != nil {
			t.Errorf("Origin = %+v, %v, want restored %t", o, err, restored)
		}
		if err := s.Rebuilt(t.Context()); err != nil {
			t.Errorf("Rebuilt = %v", err)
		}
	}
}

var writeFixture = flag.Bool("fixture", false, "write testdata/schemaN/invoker.db anew for the newest schema; a released one never changes")

// schemas is the number of released schemas.
const schemas = 3

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
				if err != nil || r.State != state || r.Job != "report" || r.Version != 1 {
					t.Errorf("invocation %d = %+v, %v, want it %s", n, r, err, state)
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
