package sqlite_test

import (
	"context"
	"errors"
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
		if err := errors.Join(s.CheckReservations(context.Background()), s.Close()); err != nil {
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
