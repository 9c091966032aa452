//go:build unix

package postgres

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/testneed"
)

// race is many callers who start, end and settle invocations under budgets at the same time, in
// several stores of one database.
type race struct {
	t       *testing.T
	stores  []*Store
	budgets ledger.Budgets
	ids     atomic.Int64
	counts  [4]atomic.Int64 // accepted, waiting, refused, settled
}

// TestBudgetsUnderRace checks that no commit leaves a budget exceeded while 64 callers of three
// stores start invocations of random sizes, and others end and settle them.
func TestBudgetsUnderRace(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	url := newDatabase(t)
	r := &race{t: t, stores: []*Store{openOn(t, url), openOn(t, url), openOn(t, url)}, budgets: ledger.Budgets{List: []ledger.Budget{
		{Name: "server", Limit: ledger.Cost{VCPU: 900, Money: 420}, Overflow: ledger.Rejecting},
		{Name: "tenants", Scope: ledger.Scope{Label: "tenant"}, Each: true, Limit: ledger.Cost{VCPU: 360}, Overflow: ledger.Queueing},
		{Name: "job", Scope: ledger.Scope{Job: "report"}, Limit: ledger.Cost{VCPU: 600}, Overflow: ledger.Queueing},
	}}}
	var callers, others sync.WaitGroup
	done := make(chan struct{})
	for n := range 64 {
		callers.Go(func() { r.start(r.stores[n%3], rand.New(rand.NewPCG(1, uint64(n))), 8) })
	}
	for n := range 3 {
		others.Go(func() { r.work(r.stores[n], rand.New(rand.NewPCG(2, uint64(n))), done) })
	}
	others.Go(func() { r.watch(done) })
	callers.Wait()
	close(done)
	others.Wait()
	r.check()
	for i, outcome := range []string{"accepted", "waits", "refused", "settled"} {
		t.Logf("%s: %d", outcome, r.counts[i].Load())
		if r.counts[i].Load() == 0 {
			t.Errorf("outcome %q did not occur", outcome)
		}
	}
}

// start accepts invocations of random sizes.
func (r *race) start(s *Store, random *rand.Rand, n int) {
	for range n {
		need := 1 + random.Int64N(40)
		row := ledger.Record{
			Invocation: runwith.Invocation{
				ID: fmt.Sprintf("id-%06d", r.ids.Add(1)), Job: []string{"report", "other"}[random.IntN(2)], State: runwith.StateAccepted, Created: march(),
				Labels: map[string]string{"tenant": []string{"a", "b", "c"}[random.IntN(3)]},
			},
			Version: 1, Owner: "me", Asked: []byte("{}"), Target: "report", Checked: true, NotBefore: march(),
			Worst: ledger.Cost{VCPU: need, Memory: 1, Money: need / 2},
		}
		accepted, err := s.Accept(r.t.Context(), row, ledger.Admission{Now: march(), Budgets: r.budgets})
		if random.IntN(4) == 0 {
			r.takeAndEnd(s, random)
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
func (r *race) work(s *Store, random *rand.Rand, done <-chan struct{}) {
	for over := false; !over; {
		select {
		case <-done:
			over = true // one more round
		default:
		}
		r.takeAndEnd(s, random)
	}
}

func (r *race) takeAndEnd(s *Store, random *rand.Rand) {
	taken, err := s.Take(r.t.Context(), ledger.Take{Now: march(), Call: time.Minute, Limit: 10, Runs: "runs", Budgets: r.budgets})
	if err != nil {
		r.t.Error(err)
	}
	for _, row := range taken.Records {
		r.end(s, row, random.IntN(3) == 0, random.Int64N(row.Worst.VCPU/4+1))
	}
}

func (r *race) end(s *Store, row ledger.Record, refused bool, used int64) {
	move := func(to ledger.Record) {
		var err error
		if row, err = s.Move(r.t.Context(), ledger.Move{From: row, To: to}); err != nil {
			r.t.Error(err)
		}
	}
	if refused {
		move(row.Refused(runwith.Errorf(runwith.Internal, "no"), march()))
		return
	}
	move(row.Adopted("execution of "+row.ID, ledger.Status{UID: row.ID, State: runwith.StateRunning}))
	move(row.Observed(ledger.Status{State: runwith.StateSucceeded}, march()))
	settled, err := s.Settle(r.t.Context(), []ledger.Settlement{{Record: row, Cost: ledger.Cost{VCPU: used, Money: used / 2}}}, r.budgets)
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

// check adds up all rows, in one statement that is not the store's.
func (r *race) check() {
	const query = `SELECT name, sum(vcpu)::bigint, sum(money)::bigint FROM (
			SELECT job, labels::json ->> 'tenant' AS tenant, vcpu, money FROM usage
			UNION ALL
			SELECT job, labels::json ->> 'tenant', worst_vcpu, worst_money FROM invocations
			WHERE month = 202603 AND usage = '' AND NOT (finished > 'epoch' AND execution IS NULL)
		) AS taken, unnest(ARRAY['server', 'tenant ' || tenant, 'job ' || job]) AS name GROUP BY name`
	rows, err := r.stores[0].pool.Query(r.t.Context(), query)
	if err != nil {
		r.t.Error(err)
		return
	}
	defer rows.Close()
	limits := map[string][2]int64{"server": {900, 420}, "tenant a": {360, 1e9}, "tenant b": {360, 1e9}, "tenant c": {360, 1e9}, "job report": {600, 1e9}}
	for rows.Next() {
		var (
			name        string
			vcpu, money int64
		)
		if err := rows.Scan(&name, &vcpu, &money); err != nil {
			r.t.Error(err)
		}
		if limit, has := limits[name]; has && (vcpu > limit[0] || money > limit[1]) {
			r.t.Errorf("%s: %d vCPU-seconds and %d of money are taken, above the limit %v", name, vcpu, money, limit)
		}
	}
	if err := rows.Err(); err != nil {
		r.t.Error(err)
	}
}
