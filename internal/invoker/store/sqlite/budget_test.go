package sqlite

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/sqlite"
)

// race is many callers who start, end and settle invocations under budgets at the same time.
type race struct {
	*Store
	t       *testing.T
	budgets ledger.Budgets
	now     time.Time
	ids     atomic.Int64
	counts  [4]atomic.Int64 // accepted, waiting, refused, settled
}

// TestBudgetsUnderRace checks that no commit leaves a budget exceeded while 64 callers start
// invocations of random sizes, and others end and settle them.
func TestBudgetsUnderRace(t *testing.T) {
	t.Parallel()
	limit := ledger.Cost{VCPU: 1500, Money: 700}
	r := &race{Store: openEmpty(t), t: t, now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), budgets: ledger.Budgets{List: []ledger.Budget{
		{Name: "server", Limit: limit, Overflow: ledger.Rejecting},
		{Name: "tenants", Scope: ledger.Scope{Label: "tenant"}, Each: true, Limit: ledger.Cost{VCPU: 600}, Overflow: ledger.Queueing},
		{Name: "job", Scope: ledger.Scope{Job: "report"}, Limit: ledger.Cost{VCPU: 1000}, Overflow: ledger.Queueing},
	}}}
	var callers, others sync.WaitGroup
	done := make(chan struct{})
	for n := range 64 {
		callers.Go(func() { r.start(rand.New(rand.NewPCG(1, uint64(n))), 15) })
	}
	for n := range 2 {
		others.Go(func() { r.work(rand.New(rand.NewPCG(2, uint64(n))), done) })
	}
	others.Go(func() { r.watch(done) })
	callers.Wait()
	close(done)
	others.Wait()
	r.check()
	t.Logf("accepted %d, waited %d, refused %d, settled %d", r.counts[0].Load(), r.counts[1].Load(), r.counts[2].Load(), r.counts[3].Load())
	for i := range r.counts {
		if r.counts[i].Load() == 0 {
			t.Errorf("outcome %d did not occur", i)
		}
	}
}

// start accepts invocations of random sizes.
func (r *race) start(random *rand.Rand, n int) {
	for range n {
		need := 1 + random.Int64N(40)
		row := ledger.Record{
			Invocation: runwith.Invocation{
				ID: fmt.Sprintf("id-%06d", r.ids.Add(1)), Job: []string{"report", "other"}[random.IntN(2)], State: runwith.StateAccepted, Created: r.now,
				Labels: map[string]string{"tenant": []string{"a", "b", "c"}[random.IntN(3)]},
			},
			Version: 1, Owner: "me", Asked: []byte("{}"), Target: "report", Checked: true, NotBefore: r.now,
			Worst: ledger.Cost{VCPU: need, Memory: 1, Money: need / 2},
		}
		accepted, err := r.Accept(r.t.Context(), row, ledger.Admission{Now: r.now, Budgets: r.budgets})
		if random.IntN(4) == 0 {
			r.takeAndEnd(random)
		}
		switch {
		case runwith.CodeOf(err) == runwith.ResourceExhausted:
			r.counts[2].Add(1)
		case err != nil:
			r.t.Error(err)
		case accepted.Record.Month == 0:
			r.counts[1].Add(1)
		default:
			r.counts[0].Add(1)
		}
	}
}

// work starts what is due, and ends it: without an execution, or with one that is settled.
func (r *race) work(random *rand.Rand, done <-chan struct{}) {
	for over := false; !over; {
		select {
		case <-done:
			over = true // one more round
		default:
		}
		r.takeAndEnd(random)
	}
}

func (r *race) takeAndEnd(random *rand.Rand) {
	taken, err := r.Take(r.t.Context(), ledger.Take{Now: r.now, Call: time.Minute, Limit: 10, Runs: "runs", Budgets: r.budgets})
	if err != nil {
		r.t.Error(err)
	}
	for _, row := range taken.Records {
		r.end(row, random.IntN(3) == 0, random.Int64N(row.Worst.VCPU/4+1))
	}
}

func (r *race) end(row ledger.Record, refused bool, used int64) {
	move := func(to ledger.Record) {
		var err error
		if row, err = r.Move(r.t.Context(), ledger.Move{From: row, To: to}); err != nil {
			r.t.Error(err)
		}
	}
	if refused {
		move(row.Refused(runwith.Errorf(runwith.Internal, "no"), r.now))
		return
	}
	move(row.Adopted("execution of "+row.ID, ledger.Status{UID: row.ID, State: runwith.StateRunning}))
	move(row.Observed(ledger.Status{State: runwith.StateSucceeded}, r.now))
	settled, err := r.Settle(r.t.Context(), []ledger.Settlement{{Record: row, Cost: ledger.Cost{VCPU: used, Money: used / 2}}}, r.budgets)
	if err != nil || len(settled) != 1 {
		r.t.Errorf("Settle = %v, %v", settled, err)
	}
	r.counts[3].Add(1)
}

func (r *race) watch(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		default:
			r.check()
		}
	}
}

// check adds up all rows, in one snapshot and without the statements of the store.
func (r *race) check() {
	if err := r.CheckReservations(r.t.Context()); err != nil {
		r.t.Error(err)
	}
	type sum struct{ vcpu, money int64 }
	sums := map[string]sum{}
	add := func(row sqlite.Row) error {
		var (
			job, labels string
			vcpu, money int64
			l           map[string]string
		)
		if err := row.Scan(&job, &labels, &vcpu, &money); err != nil {
			return err
		}
		if err := decode(labels, &l); err != nil {
			return err
		}
		for _, name := range []string{"server", "tenant " + l["tenant"], "job " + job} {
			sums[name] = sum{sums[name].vcpu + vcpu, sums[name].money + money}
		}
		return nil
	}
	err := r.db.Read(r.t.Context(), func(tx *sqlite.Tx) error {
		for _, query := range []string{
			`SELECT job, labels, vcpu, money FROM usage`,
			`SELECT job, labels, worst_vcpu, worst_money FROM invocations WHERE month = 202603 AND usage = '' AND NOT (finished > 0 AND execution IS NULL)`,
		} {
			for row, err := range tx.Query(query) {
				if err == nil {
					err = add(row)
				}
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		r.t.Error(err)
	}
	for name, limit := range map[string]sum{"server": {1500, 700}, "tenant a": {600, 1e9}, "tenant b": {600, 1e9}, "tenant c": {600, 1e9}, "job report": {1000, 1e9}} {
		if sums[name].vcpu > limit.vcpu || sums[name].money > limit.money {
			r.t.Errorf("%s: %+v is above the limit %+v", name, sums[name], limit)
		}
	}
}

// TestSumsOfBudgetsReadIndexes checks that a budget costs as much as what counts in it.
func TestSumsOfBudgetsReadIndexes(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	for _, query := range []string{
		usedValues,
		sumWorst() + `labels INDEXED BY labels_reserving CROSS JOIN invocations ON id = invocation WHERE labels.month > 0 AND labels.month = ?1 AND name = ?2 AND value = ?3`,
		sumWorst() + `invocations INDEXED BY invocations_reserving WHERE ` + isReserving + ` AND month = ?1 AND job = ?2 AND principal = ?3`,
	} {
		args := []any{202603, "a", "b"}
		if query == usedValues {
			args = []any{202603, "a", 9}
		}
		plan := planOf(t, s, query, args...)
		if !strings.Contains(plan, "SEARCH") {
			t.Errorf("%s: want a SEARCH:\n%s", query, plan)
		}
		for _, table := range []string{"invocations", "labels", "usage_sums"} {
			if strings.Contains(plan, "SCAN "+table) {
				t.Errorf("%s scans %s:\n%s", query, table, plan)
			}
		}
	}
}

func BenchmarkAcceptUnderBudget(b *testing.B) {
	for name, distinct := range map[string]int{"folded": 1, "one row each": 100_000} {
		b.Run(name, func(b *testing.B) { benchmarkAccept(b, distinct) })
	}
}

// benchmarkAccept measures an acceptance after 100,000 settled invocations of a label's value,
// whose labels differ in as many ways.
func benchmarkAccept(b *testing.B, distinct int) {
	s, err := Open(b.Context(), b.TempDir()+"/invoker.db")
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	budgets := ledger.Budgets{List: []ledger.Budget{{Name: "tenants", Scope: ledger.Scope{Label: "tenant"}, Each: true, Limit: ledger.Cost{VCPU: 1e15}, Overflow: ledger.Rejecting}}}
	err = s.db.Write(b.Context(), func(tx *sqlite.Tx) error {
		for n := range distinct {
			r := ledger.Record{Invocation: runwith.Invocation{Job: "report", Labels: map[string]string{"tenant": "acme", "n": fmt.Sprint(n)}}, Month: 202603}
			one := ledger.Settlement{Record: r, Cost: ledger.Cost{VCPU: 1}}
			if err := errors.Join(addUsage(tx, one), addToSums(tx, one)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		n++
		r := ledger.Record{Invocation: runwith.Invocation{ID: fmt.Sprintf("id-%09d", n), Job: "report", State: runwith.StateAccepted, Created: now, Labels: map[string]string{"tenant": "acme"}},
			Version: 1, Asked: []byte("{}"), Checked: true, NotBefore: now, Worst: ledger.Cost{VCPU: 1}}
		if _, err := s.Accept(b.Context(), r, ledger.Admission{Now: now, Budgets: budgets}); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Withdraw(b.Context(), r.ID); err != nil {
			b.Fatal(err)
		}
	}
}
