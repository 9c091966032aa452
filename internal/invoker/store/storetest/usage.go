package storetest

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// usageTests are the tests of [store.Usage].
func usageTests() map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"settle":         testSettle,
		"usage":          testUsage,
		"usage outlives": testUsageOutlives,
		"usage adds up":  testUsageAddsUp,
		"sums saturate":  testSumsSaturate,
	}
}

// endedRun returns a record that has succeeded, with an execution.
func endedRun(n int, finished time.Time) ledger.Record {
	r := Waiting(n)
	r.State, r.Execution, r.ExecutionUID = runwith.StateSucceeded, "execution of "+r.ID, "uid of "+r.ID
	r.Created, r.Started, r.Finished = finished.Add(-time.Minute), finished.Add(-time.Minute), finished
	return r
}

// settlementOf returns a settlement with a number for each unit.
func settlementOf(r ledger.Record, n int64) ledger.Settlement {
	s := ledger.Settlement{Record: r, Tasks: int(n), Cost: ledger.Cost{VCPU: n, Memory: 2 * n, GPU: 3 * n, Money: 4 * n}}
	s.Usage = s.Cost.Usage()
	s.Usage.Basis, s.Usage.Prices = runwith.UsageFromTasks, "2026-11-28"
	return s
}

func settle(t *testing.T, s store.Store, settlements ...ledger.Settlement) []string {
	t.Helper()
	settled, err := s.Settle(t.Context(), settlements, ledger.Budgets{})
	must(t, "Settle", err)
	return settled
}

func unsettled(t *testing.T, s store.Store, since time.Time, limit int) []string {
	t.Helper()
	found, err := s.Unsettled(t.Context(), since, limit)
	must(t, "Unsettled", err)
	return ids(found)
}

func sums(t *testing.T, s store.Store, q store.UsageQuery) []store.UsageSum {
	t.Helper()
	found, err := s.SumUsage(t.Context(), q)
	must(t, "SumUsage", err)
	return found
}

// testSettle checks which records are settled, that each is settled once, and that nothing else
// of it changes.
func testSettle(t *testing.T, s store.Store) {
	refused := Waiting(4)
	refused.State, refused.Finished = runwith.StateRefused, begin()
	running := endedRun(5, time.Time{})
	running.State, running.Finished = runwith.StateRunning, time.Time{}
	late, early := endedRun(1, begin().Add(2*time.Hour)), endedRun(2, begin().Add(time.Hour))
	for _, r := range []ledger.Record{late, early, endedRun(3, begin()), refused, running, Waiting(6)} {
		put(t, s, r)
	}
	want(t, "unsettled", unsettled(t, s, time.Time{}, 9), []string{"id-003", "id-002", "id-001"})
	want(t, "unsettled since", unsettled(t, s, early.Finished, 9), []string{"id-002", "id-001"})
	want(t, "two unsettled", unsettled(t, s, time.Time{}, 2), []string{"id-003", "id-002"})

	changed, leave := s.Subscribe("id-002")
	defer leave()
	before := find(t, s, "id-002")
	want(t, "settled", settle(t, s, settlementOf(early, 7), settlementOf(running, 7), settlementOf(refused, 7)), []string{"id-002"})
	select {
	case <-changed:
	default:
		t.Error("a subscriber does not hear of a settlement")
	}
	before.Version++
	before.Usage = &runwith.Usage{VCPUSeconds: 0.007, GiBSeconds: 0.014, GPUSeconds: 0.021, USD: 28e-9, Basis: runwith.UsageFromTasks, Prices: "2026-11-28"}
	want(t, "the record", find(t, s, "id-002"), before)
	want(t, "settled again", len(settle(t, s, settlementOf(early, 9))), 0)
	want(t, "the record", find(t, s, "id-002"), before)
	want(t, "left", unsettled(t, s, time.Time{}, 9), []string{"id-003", "id-001"})
	want(t, "sums", sums(t, s, store.UsageQuery{Month: 202603}), []store.UsageSum{{Name: "report", Invocations: 1, Tasks: 7, Cost: ledger.Cost{VCPU: 7, Memory: 14, GPU: 21, Money: 28}}})
}

// testUsage checks each group, the months, and who sees what.
func testUsage(t *testing.T, s store.Store) {
	add := func(n int, job, caller string, labels map[string]string, finished time.Time) {
		r := endedRun(n, finished)
		r.Job, r.Caller, r.Owner, r.Labels = job, caller, ledger.OwnerOf(caller), labels
		put(t, s, r)
		settle(t, s, settlementOf(r, int64(n)))
	}
	day := 24 * time.Hour
	add(1, "report", "a", map[string]string{"tenant": "acme", "n": ""}, begin())
	add(2, "report", "b", map[string]string{"tenant": "acme"}, begin().Add(day))
	add(4, "index", "a", map[string]string{"tenant": "zen"}, begin())
	add(8, "index", "", nil, begin())
	add(16, "report", "a", map[string]string{"tenant": "acme", "n": ""}, begin())
	add(32, "report", "a", nil, begin().Add(31*day))
	for name, test := range map[string]struct {
		query store.UsageQuery
		want  map[string]int64 // sum by name
	}{
		"by job":         {store.UsageQuery{Month: 202603}, map[string]int64{"report": 19, "index": 12}},
		"by caller":      {store.UsageQuery{Month: 202603, By: store.ByCaller}, map[string]int64{"a": 21, "b": 2, "": 8}},
		"by day":         {store.UsageQuery{Month: 202603, By: store.ByDay}, map[string]int64{"20260301": 29, "20260302": 2}},
		"by label":       {store.UsageQuery{Month: 202603, By: store.ByLabel, Label: "tenant"}, map[string]int64{"acme": 19, "zen": 4, "": 8}},
		"by other label": {store.UsageQuery{Month: 202603, By: store.ByLabel, Label: "none"}, map[string]int64{"": 31}},
		"next month":     {store.UsageQuery{Month: 202604}, map[string]int64{"report": 32}},
		"no such month":  {store.UsageQuery{Month: 202605}, map[string]int64{}},
		"all months":     {store.UsageQuery{Job: "report"}, map[string]int64{"report": 51}},
		"of an owner":    {store.UsageQuery{Month: 202603, Visible: &store.Visibility{Owner: ledger.OwnerOf("a")}}, map[string]int64{"report": 17, "index": 4}},
		"of jobs": {
			store.UsageQuery{Month: 202603, By: store.ByCaller, Visible: &store.Visibility{Owner: ledger.OwnerOf("b"), Jobs: []string{"index", "x"}}},
			map[string]int64{"a": 4, "": 8, "b": 2},
		},
		"of nobody": {store.UsageQuery{Month: 202603, Visible: &store.Visibility{}}, map[string]int64{}},
	} {
		got := map[string]int64{}
		for _, sum := range sums(t, s, test.query) {
			got[sum.Name] = sum.Cost.VCPU
		}
		want(t, "usage "+name, got, test.want)
	}
}

// testUsageOutlives checks that an unsettled record is kept for a while, and its usage longer
// than the record.
func testUsageOutlives(t *testing.T, s store.Store) {
	hopeless := endedRun(0, begin().Add(-ledger.SettleWithin))
	first, second := endedRun(1, begin()), endedRun(2, begin())
	first.Labels = map[string]string{"tenant": "acme"}
	for _, r := range []ledger.Record{hopeless, first, second} {
		put(t, s, r)
	}
	settle(t, s, settlementOf(first, 1))
	tidy := func(now time.Time) int {
		n, err := s.Tidy(t.Context(), now, time.Minute, 9)
		must(t, "Tidy", err)
		return n
	}
	want(t, "removed", tidy(begin().Add(time.Hour)), 2)
	want(t, "unsettled", unsettled(t, s, time.Time{}, 9), []string{"id-002"})
	settle(t, s, settlementOf(second, 2))
	want(t, "removed after it was settled", tidy(begin().Add(time.Hour)), 1)
	of := func() []store.UsageSum {
		return sums(t, s, store.UsageQuery{Month: 202603, By: store.ByLabel, Label: "tenant"})
	}
	kept := []store.UsageSum{
		{Invocations: 1, Tasks: 2, Cost: settlementOf(second, 2).Cost},
		{Name: "acme", Invocations: 1, Tasks: 1, Cost: settlementOf(first, 1).Cost},
	}
	want(t, "removed within 13 months", tidy(begin().AddDate(0, 13, 0)), 0)
	want(t, "usage after 13 months", of(), kept)
	want(t, "removed after that", tidy(begin().AddDate(0, 14, 0)), 2)
	want(t, "usage after that", len(of()), 0)

	third := endedRun(3, begin()) // a new sum has no label of an old one
	put(t, s, third)
	settle(t, s, settlementOf(third, 3))
	want(t, "new usage", of(), []store.UsageSum{{Invocations: 1, Tasks: 3, Cost: settlementOf(third, 3).Cost}})
}

// testUsageAddsUp makes random acceptances, moves, settlements and removals, and compares every
// sum with one over the settlements that were made.
func testUsageAddsUp(t *testing.T, s store.Store) {
	random := rand.New(rand.NewPCG(14, 11))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	made, clock := []ledger.Settlement{}, begin()
	for n := range 300 {
		clock = clock.Add(time.Duration(random.IntN(7)) * time.Hour)
		r := Waiting(n)
		r.Job, r.Caller, r.Created = pick("a", "b"), pick("x", "y", ""), clock
		r.Owner, r.Target, r.NotBefore = ledger.OwnerOf(r.Caller), r.Job, clock
		if value := pick("1", "2", ""); value != "" {
			r.Labels = map[string]string{"tenant": value, "other": pick("p", "q")}
		}
		_, err := s.Accept(t.Context(), r, ledger.Admission{Now: clock}) // which gives it the month
		must(t, "Accept", err)
		if random.IntN(5) == 0 {
			continue // it stays
		}
		move(t, s, r.ID, func(r ledger.Record) ledger.Record { return r.Starting(clock.Add(time.Minute)) })
		move(t, s, r.ID, succeed)
		move(t, s, r.ID, func(r ledger.Record) ledger.Record {
			return r.Observed(ledger.Status{State: runwith.StateSucceeded, Finished: clock.Add(time.Minute)}, clock)
		})
		if random.IntN(3) == 0 {
			made = append(made, settleSome(t, s, random)...)
		}
		if random.IntN(9) == 0 {
			_, err := s.Tidy(t.Context(), clock.Add(time.Hour), time.Minute, random.IntN(20))
			must(t, "Tidy", err)
		}
	}
	for month := 202603; month < 202608; month++ {
		for by := store.ByJob; by <= store.ByLabel; by++ {
			want(t, fmt.Sprintf("sums of %d by %d", month, by), sums(t, s, store.UsageQuery{Month: month, By: by, Label: "tenant"}), recount(made, month, by))
		}
	}
}

// settleSome settles some of the unsettled records, some of them twice.
func settleSome(t *testing.T, s store.Store, random *rand.Rand) (made []ledger.Settlement) {
	t.Helper()
	found, err := s.Unsettled(t.Context(), time.Time{}, 1+random.IntN(9))
	must(t, "Unsettled", err)
	for _, r := range found {
		made = append(made, settlementOf(r, random.Int64N(1e6)))
	}
	settle(t, s, append(made, made[:random.IntN(len(made)+1)]...)...)
	return made
}

// recount adds settlements up.
func recount(made []ledger.Settlement, month int, by store.UsageBy) (sums []store.UsageSum) {
	for _, s := range made {
		r := s.Record
		if ledger.MonthOf(r.Created) != month {
			continue
		}
		name := []string{r.Job, r.Caller, r.Created.Format("20060102"), r.Labels["tenant"]}[by]
		i := slices.IndexFunc(sums, func(u store.UsageSum) bool { return u.Name == name })
		if i < 0 {
			i, sums = len(sums), append(sums, store.UsageSum{Name: name})
		}
		c := &sums[i].Cost
		sums[i].Invocations++
		sums[i].Tasks += int64(s.Tasks)
		c.VCPU, c.Memory, c.GPU, c.Money = c.VCPU+s.Cost.VCPU, c.Memory+s.Cost.Memory, c.GPU+s.Cost.GPU, c.Money+s.Cost.Money
	}
	slices.SortFunc(sums, func(a, b store.UsageSum) int { return cmp.Compare(a.Name, b.Name) })
	return sums
}

// testSumsSaturate checks that a sum which is too large is the largest number.
func testSumsSaturate(t *testing.T, s store.Store) {
	const most = math.MaxInt64
	all := func(n int64) ledger.Cost { return ledger.Cost{VCPU: n, Memory: n, GPU: n, Money: n} }
	var runs []ledger.Record
	for n, job := range []string{"report", "report", "index"} {
		r := endedRun(n, begin())
		r.Job, r.Month, r.Worst, r.Labels = job, 202603, all(most), map[string]string{"tenant": "acme"}
		runs = append(runs, put(t, s, r))
	}
	budgets := []ledger.Budget{{Name: "server"}, {Name: "job", Scope: ledger.Scope{Job: "report"}}, tenants()}
	for n, spent := range []map[string]ledger.Spent{
		{"server": {Reserved: all(most)}, "job": {Reserved: all(most)}},
		{"server": {Reserved: all(most), Used: all(most - 1)}, "job": {Reserved: all(most), Used: all(most - 1)}},
		{"server": {Reserved: all(most), Used: all(most)}, "job": {Used: all(most)}},
	} {
		if n > 0 {
			settle(t, s, ledger.Settlement{Record: runs[n-1], Tasks: 1, Cost: all(most - 1)})
		}
		spent["tenants"] = spent["server"]
		states, err := s.Shares(t.Context(), budgets, 202603, 9)
		must(t, "Shares", err)
		for _, state := range states {
			got, expected := state.Spent, spent[state.Name]
			for _, cost := range []*ledger.Cost{&got.Used, &got.Reserved, &expected.Used, &expected.Reserved} {
				cost.GPU = 0 // budgets do not limit it
			}
			want(t, fmt.Sprintf("budget %s after %d settlements", state.Title(), n), got, expected)
		}
	}
	settle(t, s, ledger.Settlement{Record: runs[2], Tasks: 1, Cost: all(1)})
	byTenant := sums(t, s, store.UsageQuery{Month: 202603, By: store.ByLabel, Label: "tenant"})
	want(t, "usage of the tenant", byTenant, []store.UsageSum{{Name: "acme", Invocations: 3, Tasks: 3, Cost: all(most)}})
}
