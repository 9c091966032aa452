package sqlite

import (
	"fmt"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/sqlite"
)

// asleep returns records that start in a month, in the slot of one concurrency key.
func asleep(n int, now time.Time) []store.Newcomer {
	rows := make([]store.Newcomer, n)
	for i := range rows {
		rows[i] = store.Newcomer{Admission: ledger.Admission{Now: now}, Record: ledger.Record{
			Invocation: runwith.Invocation{ID: fmt.Sprintf("id-%06d", i), Job: "report", State: runwith.StateAccepted, Created: now},
			Version:    1, Target: "report", Slot: "key", SlotLimit: 2, Checked: true, StartAt: now.Add(30 * 24 * time.Hour),
		}}
	}
	return rows
}

// TestSleepersCostNothing checks that neither Take nor an acceptance in the same slot reads
// rows that sleep.
func TestSleepersCostNothing(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	now := ledger.Stored(time.Now())
	if _, err := s.AcceptEach(t.Context(), asleep(1000, now)); err != nil {
		t.Fatal(err)
	}
	read := func(what, query string) {
		var n int
		err := s.db.Read(t.Context(), func(tx *sqlite.Tx) error { return tx.QueryRow(query).Scan(&n) })
		if err != nil || n != 0 {
			t.Errorf("%s read %d rows, %v, want none", what, n, err)
		}
	}
	read("Take", `SELECT count(*) FROM invocations INDEXED BY invocations_ready WHERE `+isReady)
	read("Accept", `SELECT count(*) FROM invocations INDEXED BY invocations_waiting_slots WHERE slot = 'key' AND slot <> '' AND `+isWaiting+` AND asleep = 0`)
	if _, err := s.Take(t.Context(), ledger.Take{Now: now.Add(30 * 24 * time.Hour), Call: time.Minute, Limit: 1, Runs: "runs"}); err != nil {
		t.Fatal(err)
	}
	var awake int
	err := s.db.Read(t.Context(), func(tx *sqlite.Tx) error {
		return tx.QueryRow(`SELECT count(*) FROM invocations WHERE asleep = 0`).Scan(&awake)
	})
	if err != nil || awake != wakeAtOnce {
		t.Errorf("one Take woke %d rows, %v, want %d", awake, err, wakeAtOnce)
	}
}

// TestAllSleepersStart wakes more rows at one moment than one Take wakes.
func TestAllSleepersStart(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	now := ledger.Stored(time.Now())
	rows := asleep(wakeAtOnce+10, now)
	for i := range rows {
		rows[i].Record.Slot = ""
	}
	if _, err := s.AcceptEach(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	due := rows[0].Record.StartAt
	for taken := 0; taken < len(rows); {
		some, err := s.Take(t.Context(), ledger.Take{Now: due, Call: time.Minute, Limit: 64, Runs: "runs"})
		if err != nil || len(some.Records) == 0 && some.Next.IsZero() {
			t.Fatalf("Take after %d = nothing, %v", taken, err)
		}
		taken += len(some.Records)
	}
}

// BenchmarkTakeBesideSleepers takes one row beside 10,000 that start in a month.
func BenchmarkTakeBesideSleepers(b *testing.B) {
	for _, sleepers := range []int{0, 10_000} {
		b.Run(fmt.Sprint(sleepers), func(b *testing.B) {
			s, err := Open(b.Context(), b.TempDir()+"/invoker.db")
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			now := ledger.Stored(time.Now())
			if _, err := s.AcceptEach(b.Context(), asleep(sleepers, now)); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := s.Take(b.Context(), ledger.Take{Now: now, Call: time.Minute, Limit: 16, Runs: "runs"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
