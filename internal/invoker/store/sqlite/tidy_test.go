package sqlite

import (
	"fmt"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/sqlite"
)

// importEnded adds rows that have ended a day ago, a second after each other. The first ones have keys.
func importEnded(t *testing.T, s *Store, now time.Time, rows, keys int) {
	t.Helper()
	for n := range rows {
		at := now.Add(-24*time.Hour + time.Duration(n)*time.Second)
		r := ledger.Record{
			Invocation: runwith.Invocation{ID: fmt.Sprintf("id-%d", n), Job: "report", State: runwith.StateFailed, Created: at, Finished: at},
			Version:    1, Target: "report",
		}
		if n < keys {
			r.Key = r.ID
		}
		if _, err := s.Import(t.Context(), []ledger.Record{r}); err != nil {
			t.Fatal(err)
		}
	}
}

// withoutKey lets the key of a row expire.
func withoutKey(t *testing.T, s *Store, id string) {
	t.Helper()
	err := s.db.Write(t.Context(), func(tx *sqlite.Tx) error {
		_, err := tx.Exec(`UPDATE invocations SET key = NULL WHERE id = ?`, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestTidyGoesOn checks that a batch does not look again at the rows that the batch before has passed,
// and that the last one does.
func TestTidyGoesOn(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	now := ledger.Stored(time.Now())
	importEnded(t, s, now, 8, 3)
	for batch, want := range []struct{ removed, passed int }{{2, 3}, {2, 3}, {2, 1}, {1, 1}, {0, 1}} {
		n, err := s.Tidy(t.Context(), now, time.Hour, 2)
		if err != nil || n != want.removed {
			t.Errorf("batch %d removes %d rows, %v, want %d", batch, n, err, want.removed)
		}
		passed := 0
		for row := range 3 {
			if _, err := s.Find(t.Context(), fmt.Sprintf("id-%d", row)); err == nil {
				passed++
			}
		}
		if passed != want.passed {
			t.Errorf("after batch %d, %d of the first rows are left, want %d", batch, passed, want.passed)
		}
		if batch == 0 {
			withoutKey(t, s, "id-0")
			withoutKey(t, s, "id-1")
		}
	}
}

// TestTidyLooksWithoutTheWriter checks that a look for old rows does not wait for a writer, and that a
// row stays if it may no longer be removed after that look.
func TestTidyLooksWithoutTheWriter(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	now := ledger.Stored(time.Now())
	importEnded(t, s, now, 2, 0)
	var old []oldRow
	err := s.db.Write(t.Context(), func(tx *sqlite.Tx) (err error) {
		if old, err = s.old(t.Context(), now, time.Hour, 9); err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE invocations SET watched = 1 WHERE id = 'id-1'`)
		return err
	})
	if err != nil || len(old) != 2 {
		t.Fatalf("old rows = %v, %v, want 2", old, err)
	}
	for i, want := range []int{1, 0} {
		var n int
		err := s.db.Write(t.Context(), func(tx *sqlite.Tx) (err error) {
			n, err = s.removeOld(tx, old[i], now, time.Hour)
			return err
		})
		if err != nil || n != want {
			t.Errorf("remove %s = %d, %v, want %d", old[i].id, n, err, want)
		}
	}
}
