//go:build unix

package postgres

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/postgrestest"
)

// TestNoWakeUpIsLost stops a look at the queue that has found a budget full and lets a row wait on,
// and frees the budget meanwhile in another store. The row must start all the same.
func TestNoWakeUpIsLost(t *testing.T) {
	t.Parallel()
	budgets := ledger.Budgets{List: []ledger.Budget{{
		Name: "tenants", Scope: ledger.Scope{Label: "tenant"}, Each: true, Limit: ledger.Cost{VCPU: 10}, Overflow: ledger.Queueing,
	}}}
	starting := ended(1, "acme", 10)
	starting.State, starting.Finished, starting.Execution = runwith.StateStarting, time.Time{}, ""
	waiting := starting
	waiting.State, waiting.NotBefore = runwith.StateAccepted, march().Add(time.Hour) // the look does not take it
	for name, test := range map[string]struct {
		first ledger.Record
		free  func(s *Store, r ledger.Record) error
	}{
		"a cancel": {starting, func(s *Store, r ledger.Record) error {
			_, err := s.Move(context.Background(), ledger.Move{From: r, To: r.Cancelled(march(), nil)})
			return err
		}},
		"many cancels": {starting, func(s *Store, r ledger.Record) error {
			_, err := s.MoveEach(context.Background(), []ledger.Move{{From: r, To: r.Cancelled(march(), nil)}})
			return err
		}},
		"a settlement": {ended(1, "acme", 10), func(s *Store, r ledger.Record) error {
			_, err := s.Settle(context.Background(), []ledger.Settlement{used(r, 0)}, budgets)
			return err
		}},
		"a settlement without budgets": {ended(1, "acme", 10), func(s *Store, r ledger.Record) error {
			_, err := s.Settle(context.Background(), []ledger.Settlement{used(r, 0)}, ledger.Budgets{})
			return err
		}},
		"a withdrawal": {waiting, func(s *Store, r ledger.Record) error {
			_, err := s.Withdraw(context.Background(), r.ID)
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			here, there := openOn(t, url), openOn(t, url)
			add(t, here, test.first)
			newcomer := ended(2, "acme", 10)
			newcomer.State, newcomer.Finished, newcomer.Execution, newcomer.Month = runwith.StateAccepted, time.Time{}, "", 0
			if _, err := here.Accept(t.Context(), newcomer, ledger.Admission{Now: march(), Budgets: budgets}); err != nil {
				t.Fatal(err)
			}

			take := ledger.Take{Now: march(), Call: time.Minute, Limit: 9, Runs: "runs", Budgets: budgets}
			let := stopAtWaiting(t, url)
			looked, freed := make(chan error, 1), make(chan error, 1)
			go func() {
				_, err := there.Take(context.Background(), take)
				looked <- err
			}()
			eventually.True(t, "the look has stopped", func() bool { return lockWaits(t, here) == 1 })
			go func() { freed <- test.free(here, test.first) }()
			eventually.True(t, "the budget is free, or waits for the look", func() bool { return len(freed) == 1 || lockWaits(t, here) == 2 })
			let()
			for _, ended := range []<-chan error{looked, freed} {
				if err := <-ended; err != nil {
					t.Fatal(err)
				}
			}
			taken, err := here.Take(t.Context(), take)
			if err != nil {
				t.Fatal(err)
			}
			var started []string
			for _, r := range taken.Records {
				started = append(started, r.ID)
			}
			if diff := cmp.Diff([]string{newcomer.ID}, started); diff != "" {
				t.Errorf("started after the budget had room (-want +got):\n%s", diff)
			}
		})
	}
}

// stopAtWaiting has a transaction stop when it lets a row wait on for a budget, until the caller
// lets it go on.
func stopAtWaiting(t *testing.T, url string) (let func()) {
	t.Helper()
	const lock = 4711
	postgrestest.Exec(t, url, fmt.Sprintf(`CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(%d); RETURN NEW; END $$`, lock))
	postgrestest.Exec(t, url, `CREATE TRIGGER stop BEFORE UPDATE ON invocations FOR EACH ROW WHEN (OLD.woken AND NOT NEW.woken AND NEW.budget <> '') EXECUTE FUNCTION stop()`)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	if _, err := conn.Exec(t.Context(), `SELECT pg_advisory_lock($1)`, lock); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := conn.Exec(t.Context(), `SELECT pg_advisory_unlock($1)`, lock); err != nil {
			t.Error(err)
		}
	}
}

// lockWaits returns how many sessions of the database wait for a lock.
func lockWaits(t *testing.T, s *Store) (n int) {
	t.Helper()
	if err := s.pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n); err != nil {
		t.Error(err)
	}
	return n
}

// TestEndsShareTheLockWithoutBudgets checks that transactions that make room do not wait for each
// other, unless a row waits for room.
func TestEndsShareTheLockWithoutBudgets(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	both := func() error {
		_, err := s.write(t.Context(), "first", func(first tx) ([]ledger.Record, error) {
			if err := lockToFree(first); err != nil {
				return nil, err
			}
			_, err := s.write(t.Context(), "second", func(second tx) ([]ledger.Record, error) {
				if _, err := second.exec(`SET LOCAL lock_timeout = '100ms'`); err != nil {
					return nil, err
				}
				return nil, lockToFree(second)
			})
			return nil, err
		})
		return err
	}
	if err := both(); err != nil {
		t.Errorf("while no row waits: %v", err)
	}
	held := ended(1, "acme", 1)
	held.State, held.Finished, held.Execution, held.Month, held.Budget = runwith.StateQueued, time.Time{}, "", 0, ledger.Scope{}.String()
	add(t, s, held)
	if err := both(); err == nil || !strings.Contains(err.Error(), "a lock in the database was not free in time") {
		t.Errorf("while a row waits: %v, want that the second waits for the first", err)
	}
}
