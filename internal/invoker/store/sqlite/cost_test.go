package sqlite

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/sqlite"
)

// TestUsageByEachLabel checks that a sum by label finds each label that a request may have.
func TestUsageByEachLabel(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	labels := map[string]string{"a": "<&>\"'\\ ", "a.b": "dotted", "a-b": "", "a_1": "ü", "a.b.c-d_e.": "[0]"}
	r := ledger.Record{Invocation: runwith.Invocation{Job: "report", Labels: labels}, Month: 202603}
	err := s.db.Write(t.Context(), func(tx *sqlite.Tx) error { return addUsage(tx, ledger.Settlement{Record: r}) })
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range labels {
		if !ledger.LabelFits(name, value) {
			t.Errorf("a request may not have the label %q", name)
		}
		sums, err := s.SumUsage(t.Context(), store.UsageQuery{Month: 202603, By: store.ByLabel, Label: name})
		if err != nil || len(sums) != 1 || sums[0].Name != value {
			t.Errorf("usage by %s = %+v, %v, want one sum of %q", name, sums, err, value)
		}
	}
}

// TestAcceptCountsSlots checks that an acceptance counts the rows with its concurrency key instead of
// reading them: one that is damaged is in nobody's way.
func TestAcceptCountsSlots(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	now := ledger.Stored(time.Now())
	newcomer := func(id string) ledger.Record {
		return ledger.Record{
			Invocation: runwith.Invocation{ID: id, Job: "report", State: runwith.StateAccepted, Created: now},
			Version:    1, Target: "report", Slot: "key", SlotLimit: 1, Checked: true,
		}
	}
	if _, err := s.Import(t.Context(), []ledger.Record{newcomer("id-1")}); err != nil {
		t.Fatal(err)
	}
	err := s.db.Write(t.Context(), func(tx *sqlite.Tx) error {
		_, err := tx.Exec(`UPDATE invocations SET labels = '{'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := s.Accept(t.Context(), newcomer("id-2"), ledger.Admission{Now: now})
	if err != nil || accepted.Record.State != runwith.StateQueued {
		t.Errorf("Accept = %s, %v, want queued", accepted.Record.State, err)
	}
	if _, err := s.Accept(t.Context(), newcomer("id-3"), ledger.Admission{Now: now, Overflow: ledger.Rejecting}); runwith.CodeOf(err) != runwith.Aborted {
		t.Errorf("Accept of one that does not wait = %v, want ABORTED", err)
	}
}

// TestNothingDueTakesNoWriter checks that a look for deliveries waits for no writer if none is due.
func TestNothingDueTakesNoWriter(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	at := ledger.Stored(time.Now())
	one := ledger.Delivery{ID: "id-1", Endpoint: "x", State: ledger.DeliveryPending, Payload: []byte("{}"), Created: at, NextAttempt: at.Add(time.Minute)}
	err := s.db.Write(t.Context(), func(tx *sqlite.Tx) error { return insertDeliveries(tx, []ledger.Delivery{one}) })
	if err != nil {
		t.Fatal(err)
	}
	err = s.db.Write(t.Context(), func(*sqlite.Tx) error {
		done := make(chan error, 1)
		go func() {
			due, next, err := s.DueDeliveries(t.Context(), at, time.Minute, 9, 9)
			if len(due) > 0 || !next.Equal(one.NextAttempt) {
				t.Errorf("DueDeliveries = %+v, next %v, want none before %v", due, next, one.NextAttempt)
			}
			done <- err
		}()
		select {
		case err := <-done:
			return err
		case <-time.After(5 * time.Second):
			return errors.New("it waits")
		}
	})
	if err != nil {
		t.Errorf("DueDeliveries beside a writer = %v", err)
	}
}

// TestParkedRowLeavesNoSlot checks that the end of a parked row has Take look at no other row: its
// slots are taken.
func TestParkedRowLeavesNoSlot(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	now := ledger.Stored(time.Now())
	var rows []ledger.Record
	for n := range 3 {
		rows = append(rows, ledger.Record{
			Invocation: runwith.Invocation{ID: fmt.Sprint("id-", n), Job: "report", State: runwith.StateQueued, Created: now},
			Version:    1, Target: "report", Slot: "key", SlotLimit: 1, Checked: true, Parked: true,
		})
	}
	if _, err := s.Import(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	parked := func() (n int) {
		err := s.db.Read(t.Context(), func(tx *sqlite.Tx) error {
			return tx.QueryRow(`SELECT count(*) FROM invocations WHERE parked = 1`).Scan(&n)
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if _, err := s.Withdraw(t.Context(), "id-0"); err != nil || parked() != 2 {
		t.Errorf("Withdraw of a parked row = %v, and %d rows are parked, want 2", err, parked())
	}
	if _, err := s.Move(t.Context(), ledger.Move{From: rows[1], To: rows[1].Cancelled(now, nil)}); err != nil || parked() != 1 {
		t.Errorf("Move of a parked row = %v, and %d rows are parked, want 1", err, parked())
	}
}

// TestFullBatchOfUnchecked checks that a full batch does not look for the time of the next record.
func TestFullBatchOfUnchecked(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	now := ledger.Stored(time.Now())
	for n := range 2 {
		r := ledger.Record{
			Invocation: runwith.Invocation{ID: fmt.Sprint("id-", n), Job: "report", State: runwith.StateAccepted, Created: now},
			Version:    1, Target: "report", NotBefore: now,
		}
		if _, err := s.Import(t.Context(), []ledger.Record{r}); err != nil {
			t.Fatal(err)
		}
	}
	for n, want := range []time.Time{now, now, now.Add(time.Minute)} {
		leased, next, err := s.Unchecked(t.Context(), now, time.Minute, 1)
		if err != nil || len(leased) != min(1, 2-n) || !next.Equal(want) {
			t.Errorf("Unchecked for the time %d = %d records, next %v, %v, want next %v", n, len(leased), next, err, want)
		}
	}
}

// TestTakeReadsChosenRows checks that Take reads the rows that it takes alone: a damaged one of a
// later job does not matter.
func TestTakeReadsChosenRows(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	now := ledger.Stored(time.Now())
	for n := range 2 {
		r := ledger.Record{
			Invocation: runwith.Invocation{ID: fmt.Sprint("id-", n), Job: fmt.Sprint("job-", n), State: runwith.StateAccepted, Created: now},
			Version:    1, Target: "report", Checked: true,
		}
		if _, err := s.Import(t.Context(), []ledger.Record{r}); err != nil {
			t.Fatal(err)
		}
	}
	err := s.db.Write(t.Context(), func(tx *sqlite.Tx) error {
		_, err := tx.Exec(`UPDATE invocations SET labels = '{' WHERE id = 'id-1'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	taken, err := s.Take(t.Context(), ledger.Take{Now: now, Call: time.Minute, Limit: 1, Runs: "runs"})
	if err != nil || len(taken.Records) != 1 || taken.Records[0].ID != "id-0" {
		t.Errorf("Take = %+v, %v, want the row of the first job", taken.Records, err)
	}
}
