package sqlite

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/sqlite"
)

// sized returns a row of random terms.
func sized(random *rand.Rand, id int, now time.Time) ledger.Record {
	pick := func(texts ...string) string { return texts[random.IntN(len(texts))] }
	r := ledger.Record{
		Invocation: runwith.Invocation{ID: fmt.Sprintf("id-%06d", id), Job: pick("report", "other"), State: runwith.StateAccepted, Created: now,
			Caller: pick("", "me", ledger.Anonymous), Labels: map[string]string{"tenant": pick("a", "b")}},
		Version: 1, Target: "report", Checked: true, NotBefore: now, Worst: ledger.Cost{VCPU: 1 + random.Int64N(40), Money: random.Int64N(9)},
	}
	if random.IntN(3) == 0 {
		r.Labels = nil
	}
	return r
}

// TestReservationsAreTrue checks after each of many random writes that all known sums are those of the
// rows. It accepts rows alone and together, refuses some, starts, ends, settles and removes others, and
// rolls transactions back.
func TestReservationsAreTrue(t *testing.T) {
	t.Parallel()
	s, random, now := openEmpty(t), rand.New(rand.NewPCG(1, 2)), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	a := ledger.Admission{Now: now, Budgets: ledger.Budgets{List: []ledger.Budget{
		{Name: "all", Limit: ledger.Cost{VCPU: 120}, Overflow: ledger.Rejecting},
		{Name: "anonymous", Scope: ledger.Scope{Caller: ledger.Anonymous}, Limit: ledger.Cost{VCPU: 60}, Overflow: ledger.Queueing},
		{Name: "mine", Scope: ledger.Scope{Caller: "me", Job: "report"}, Limit: ledger.Cost{VCPU: 60}, Overflow: ledger.Queueing},
		{Name: "tenants", Scope: ledger.Scope{Label: "tenant"}, Each: true, Limit: ledger.Cost{VCPU: 50}, Overflow: ledger.Queueing},
	}}}
	id, known, refused := 0, 0, 0
	next := func() ledger.Record { id++; return sized(random, id, now) }
	steps := []func() error{
		func() error { _, err := s.Accept(t.Context(), next(), a); return err },
		func() error {
			newcomers := make([]store.Newcomer, 3)
			for i := range newcomers { // which replace each other, if they are not refused then
				newcomers[i] = store.Newcomer{Record: next(), Admission: a}
				newcomers[i].Record.Slot, newcomers[i].Record.SlotLimit, newcomers[i].Admission.Overflow = "key", 1, ledger.Replacing
			}
			results, err := s.AcceptEach(t.Context(), newcomers)
			for _, r := range results {
				if r.Err != nil {
					refused++
				}
			}
			return err
		},
		func() error {
			_, err := s.Withdraw(t.Context(), fmt.Sprintf("id-%06d", 1+random.IntN(id+1)))
			return err
		},
		func() error { return s.startAndEnd(t, random, now, a.Budgets) },
		func() error { return s.settleSome(t, random, a.Budgets) },
		func() error { _, err := s.Tidy(t.Context(), now.AddDate(0, 0, 40), time.Hour, 2); return err },
		func() error { return s.rollBack(t, next(), a) },
	}
	for range 500 {
		if err := steps[random.IntN(len(steps))](); runwith.CodeOf(err) == runwith.ResourceExhausted {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
		if err := s.CheckReservations(t.Context()); err != nil {
			t.Fatal(err)
		}
		known = max(known, len(s.sums))
	}
	if known < 5 || refused < 10 {
		t.Errorf("%d sums were known, and %d newcomers refused: want more", known, refused)
	}
}

// startAndEnd takes some rows, and ends them with or without an execution.
func (s *Store) startAndEnd(t *testing.T, random *rand.Rand, now time.Time, b ledger.Budgets) error {
	t.Helper()
	taken, err := s.Take(t.Context(), ledger.Take{Now: now, Call: time.Minute, Limit: 4, Runs: "runs", Budgets: b})
	for _, r := range taken.Records {
		to := r.Refused(runwith.Errorf(runwith.Internal, "no"), now)
		if random.IntN(3) > 0 {
			running, moveErr := s.Move(t.Context(), ledger.Move{From: r, To: r.Adopted("execution of "+r.ID, ledger.Status{UID: r.ID, State: runwith.StateRunning})})
			r, err = running, errors.Join(err, moveErr)
			to = r.Observed(ledger.Status{State: runwith.StateSucceeded}, now)
		}
		_, moveErr := s.Move(t.Context(), ledger.Move{From: r, To: to})
		err = errors.Join(err, moveErr)
	}
	return err
}

// settleSome settles some rows that have ended, one of them twice.
func (s *Store) settleSome(t *testing.T, random *rand.Rand, b ledger.Budgets) error {
	t.Helper()
	found, err := s.Unsettled(t.Context(), time.Time{}, 1+random.IntN(4))
	var some []ledger.Settlement
	for _, r := range append(found, found[:min(1, len(found))]...) {
		some = append(some, ledger.Settlement{Record: r, Cost: ledger.Cost{VCPU: 1}})
	}
	_, settleErr := s.Settle(t.Context(), some, b)
	return errors.Join(err, settleErr)
}

// rollBack accepts a row in a transaction that fails.
func (s *Store) rollBack(t *testing.T, r ledger.Record, a ledger.Admission) error {
	t.Helper()
	failed := errors.New("rolled back")
	err := s.db.Write(t.Context(), func(tx *sqlite.Tx) error {
		if _, err := s.acceptOne(s.newPurse(tx, a.Budgets, a.Now), r, a); err != nil {
			return err
		}
		return failed
	})
	if errors.Is(err, failed) {
		return nil
	}
	return err
}

// TestAcceptAddsUpOnce checks that an acceptance reads no row that reserves once the sum of its budget is
// known: a change behind the store's back has no effect.
func TestAcceptAddsUpOnce(t *testing.T) {
	t.Parallel()
	s, random, now := openEmpty(t), rand.New(rand.NewPCG(1, 2)), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	a := ledger.Admission{Now: now, Budgets: ledger.Budgets{List: []ledger.Budget{{Name: "all", Limit: ledger.Cost{VCPU: 1000}, Overflow: ledger.Queueing}}}}
	for id := range 3 {
		accepted, err := s.Accept(t.Context(), sized(random, id, now), a)
		if err != nil || accepted.Record.Month == 0 {
			t.Errorf("Accept of row %d = %+v, %v, want one that reserves", id, accepted.Record, err)
		}
		err = s.db.Write(t.Context(), func(tx *sqlite.Tx) error {
			_, err := tx.Exec(`UPDATE invocations SET worst_vcpu = 2000`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
