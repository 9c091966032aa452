package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

func budgetTests() map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"budget scopes":  testBudgetScopes,
		"budget rejects": testBudgetRejects,
		"budget queues":  testBudgetQueues,
		"budget changes": testBudgetChanges,
		"budget unknown": testBudgetUnknown,
		"budget, slots":  testBudgetSlots,
		"budget, each":   testBudgetEach,
		"budget full":    testBudgetFull,
		"budget shares":  testBudgetShares,
		"budget settled": testBudgetSettled,
		"budget reached": testBudgetReached,
	}
}

// needs returns a record that waits, with its worst case in vCPU-seconds and a tenant.
func needs(n int, vcpu int64, tenant string) ledger.Record {
	r := Waiting(n)
	r.Worst = ledger.Cost{VCPU: vcpu * 1000}
	if tenant != "" {
		r.Labels = map[string]string{"tenant": tenant}
	}
	return r
}

// month returns the budgets that allow a number of vCPU-seconds for what each budget counts.
func month(vcpu int64, overflow ledger.Overflow, budgets ...ledger.Budget) ledger.Budgets {
	for i := range budgets {
		budgets[i].Limit, budgets[i].Overflow = ledger.Cost{VCPU: vcpu * 1000}, overflow
	}
	return ledger.Budgets{List: budgets}
}

func tenants() ledger.Budget {
	return ledger.Budget{Name: "tenants", Scope: ledger.Scope{Label: "tenant"}, Each: true}
}

// accept accepts a record under budgets, and returns "accepted", "waits", or the code of the
// refusal.
func accept(t *testing.T, s store.Store, r ledger.Record, b ledger.Budgets) string {
	t.Helper()
	accepted, err := s.Accept(t.Context(), r, ledger.Admission{Now: begin(), Budgets: b})
	switch {
	case err != nil:
		return runwith.CodeOf(err).String()
	case accepted.Record.Month == 0:
		if accepted.Record.State != runwith.StateQueued || accepted.Record.Budget == "" {
			t.Errorf("%s waits for a budget: state %s, budget %q", r.ID, accepted.Record.State, accepted.Record.Budget)
		}
		return "waits"
	}
	return "accepted"
}

// takeUnder takes what is due under budgets, and returns the IDs.
func takeUnder(t *testing.T, s store.Store, b ledger.Budgets, now time.Time, reconsider bool) []string {
	t.Helper()
	q := take(now, 100)
	q.Budgets, q.Reconsider = b, reconsider
	taken, err := s.Take(t.Context(), q)
	must(t, "Take", err)
	return ids(taken.Records)
}

// testBudgetScopes checks that each budget counts exactly what it names.
func testBudgetScopes(t *testing.T, s store.Store) {
	for n, job := range []string{"report", "report", "other"} {
		r := needs(n, 10, []string{"acme", "globex", "acme"}[n])
		r.Job, r.Caller = job, []string{"docs", "", "docs"}[n]
		want(t, r.ID, accept(t, s, r, ledger.Budgets{}), "accepted")
	}
	newcomer := needs(9, 1, "acme")
	newcomer.Caller = "docs"
	for name, c := range map[string]struct {
		b     ledger.Scope
		taken int64
	}{
		"server":           {ledger.Scope{}, 30},
		"job":              {ledger.Scope{Job: "report"}, 20},
		"caller":           {ledger.Scope{Caller: "docs"}, 20},
		"label":            {ledger.Scope{Label: "tenant", Value: "acme"}, 20},
		"job and caller":   {ledger.Scope{Job: "report", Caller: "docs"}, 10},
		"caller and label": {ledger.Scope{Caller: "docs", Label: "tenant", Value: "acme"}, 20},
		"all":              {ledger.Scope{Job: "report", Caller: "docs", Label: "tenant", Value: "acme"}, 10},
		"another job":      {ledger.Scope{Job: "no"}, -1},
		"another caller":   {ledger.Scope{Caller: ledger.Anonymous}, -1},
		"another value":    {ledger.Scope{Label: "tenant", Value: "globex"}, -1},
		"another label":    {ledger.Scope{Label: "no", Value: "acme"}, -1},
	} {
		b := ledger.Budget{Name: name, Scope: c.b}
		if c.taken < 0 {
			c.taken = -1
			want(t, name+", which does not count it", accept(t, s, newcomer, month(1, ledger.Rejecting, b)), "accepted")
			_, err := s.Withdraw(t.Context(), newcomer.ID)
			must(t, "Withdraw", err)
			continue
		}
		want(t, name+", one too few", accept(t, s, newcomer, month(c.taken, ledger.Rejecting, b)), "RESOURCE_EXHAUSTED")
		want(t, name+", just enough", accept(t, s, newcomer, month(c.taken+1, ledger.Rejecting, b)), "accepted")
		_, err := s.Withdraw(t.Context(), newcomer.ID)
		must(t, "Withdraw", err)
	}
}

// testBudgetRejects checks that a refusal says when to come back, and leaves nothing behind.
func testBudgetRejects(t *testing.T, s store.Store) {
	b := month(100, ledger.Rejecting, tenants())
	want(t, "first", accept(t, s, needs(0, 60, "acme"), b), "accepted")
	_, err := s.Accept(t.Context(), needs(1, 41, "acme"), ledger.Admission{Now: begin(), Budgets: b})
	want(t, "cause", cause.KindOf(err), cause.BudgetExhausted)
	want(t, "retry after", cause.RetryAfterOf(err), ledger.MonthEnds(202603).Sub(begin()))
	if _, err := s.Find(t.Context(), "id-001"); runwith.CodeOf(err) != runwith.NotFound {
		t.Errorf("the refused one is there: %v", err)
	}
	want(t, "smaller", accept(t, s, needs(2, 40, "acme"), b), "accepted")
	want(t, "another tenant", accept(t, s, needs(3, 100, "globex"), b), "accepted")
	want(t, "more than all", accept(t, s, needs(4, 101, "initech"), b), "RESOURCE_EXHAUSTED")
	unchecked := needs(5, 0, "initech")
	unchecked.Checked = false
	want(t, "unknown worst case", accept(t, s, unchecked, b), "UNAVAILABLE")
	move(t, s, "id-000", func(r ledger.Record) ledger.Record { return r.Cancelled(begin(), nil) })
	want(t, "after a cancel", accept(t, s, needs(6, 60, "acme"), b), "accepted")
	next := needs(7, 100, "acme")
	next.StartAt = ledger.MonthEnds(202603).Add(time.Hour)
	want(t, "of the next month", accept(t, s, next, b), "accepted")
	want(t, "its month", find(t, s, "id-007").Month, 202604)
}

// testBudgetQueues checks the order of those that wait, and each way in which they go on.
func testBudgetQueues(t *testing.T, s store.Store) {
	b := month(100, ledger.Queueing, tenants())
	want(t, "first", accept(t, s, needs(0, 100, "acme"), b), "accepted")
	want(t, "second", accept(t, s, needs(1, 80, "acme"), b), "waits")
	want(t, "small", accept(t, s, needs(2, 20, "acme"), b), "waits")
	want(t, "third", accept(t, s, needs(3, 30, "acme"), b), "waits")
	want(t, "another tenant", accept(t, s, needs(4, 50, "globex"), b), "accepted")
	want(t, "more than all", accept(t, s, needs(5, 101, "acme"), b), "RESOURCE_EXHAUSTED")
	want(t, "taken", takeUnder(t, s, b, begin(), true), []string{"id-000", "id-004"})
	want(t, "taken again", takeUnder(t, s, b, begin(), false), []string{})
	move(t, s, "id-000", func(r ledger.Record) ledger.Record { return r.Refused(errSome, begin()) })
	want(t, "not past the older ones", accept(t, s, needs(6, 1, "acme"), b), "waits")
	want(t, "taken when the first has ended", takeUnder(t, s, b, begin(), false), []string{"id-001", "id-002"})
	want(t, "month", find(t, s, "id-001").Month, 202603)
	move(t, s, "id-003", func(r ledger.Record) ledger.Record { return r.Cancelled(begin(), nil) })
	want(t, "taken when one was cancelled", takeUnder(t, s, b, begin(), false), []string{})
	want(t, "taken in the next month", takeUnder(t, s, b, ledger.MonthEnds(202603), true), []string{"id-006"})
	want(t, "its month", find(t, s, "id-006").Month, 202604)
}

// testBudgetChanges checks that those that wait go on when their budget is raised or removed,
// and are refused if it is lowered below what they need.
func testBudgetChanges(t *testing.T, s store.Store) {
	b := month(100, ledger.Queueing, tenants())
	for n, tenant := range []string{"a", "b", "c"} {
		want(t, "first of "+tenant, accept(t, s, needs(10*n, 100, tenant), b), "accepted")
		want(t, "second of "+tenant, accept(t, s, needs(10*n+1, 50, tenant), b), "waits")
	}
	takeUnder(t, s, b, begin(), false)
	raised := month(150, ledger.Queueing, ledger.Budget{Name: "a", Scope: ledger.Scope{Label: "tenant", Value: "a"}})
	raised.List = append(raised.List, month(100, ledger.Queueing, ledger.Budget{Name: "b", Scope: ledger.Scope{Label: "tenant", Value: "b"}}).List...)
	want(t, "taken", takeUnder(t, s, raised, begin(), true), []string{"id-001", "id-021"})
	lowered := month(49, ledger.Queueing, tenants())
	q := take(begin(), 100)
	q.Budgets, q.Reconsider = lowered, true
	taken, err := s.Take(t.Context(), q)
	must(t, "Take", err)
	if len(taken.Refused) != 1 || find(t, s, "id-011").State != runwith.StateRefused {
		t.Errorf("lowered below the need of one that waits: refused %v, state %s", taken.Refused, find(t, s, "id-011").State)
	}
}

// testBudgetUnknown checks that one whose worst case is unknown waits until it is known.
func testBudgetUnknown(t *testing.T, s store.Store) {
	b := month(100, ledger.Queueing, ledger.Budget{Name: "server"})
	unknown := needs(0, 0, "")
	unknown.Checked = false
	want(t, "unknown", accept(t, s, unknown, b), "waits")
	want(t, "behind it", accept(t, s, needs(1, 10, ""), b), "waits")
	want(t, "taken", takeUnder(t, s, b, begin(), true), []string{})
	move(t, s, "id-000", func(r ledger.Record) ledger.Record {
		r.Worst = ledger.Cost{VCPU: 90_000}
		return r.Fitted([]byte{}, "uid")
	})
	want(t, "taken when it is known", takeUnder(t, s, b, begin(), false), []string{"id-000", "id-001"})
}

// testBudgetSlots checks that one that waits for a budget hides no other that waits for a slot.
func testBudgetSlots(t *testing.T, s store.Store) {
	b := month(100, ledger.Queueing, tenants())
	bounded := func(n int, vcpu int64, tenant string) ledger.Record {
		r := needs(n, vcpu, tenant)
		r.Slot, r.SlotLimit = "key", 1
		return r
	}
	want(t, "first", accept(t, s, bounded(0, 100, "acme"), b), "accepted")
	want(t, "taken", takeUnder(t, s, b, begin(), false), []string{"id-000"})
	want(t, "second", accept(t, s, bounded(1, 10, "acme"), b), "waits")
	want(t, "of another tenant", accept(t, s, bounded(2, 10, "globex"), b), "accepted")
	move(t, s, "id-000", succeed)
	move(t, s, "id-000", finish) // it still reserves, because its usage is not known
	want(t, "taken when the slot is free", takeUnder(t, s, b, begin(), false), []string{"id-002"})
	move(t, s, "id-002", func(r ledger.Record) ledger.Record { return r.Refused(errSome, begin()) })
	want(t, "taken in the next month", takeUnder(t, s, b, ledger.MonthEnds(202603), true), []string{"id-001"})
}

// testBudgetEach checks that newcomers of one transaction see each other.
func testBudgetEach(t *testing.T, s store.Store) {
	b := month(25, ledger.Rejecting, tenants())
	var newcomers []store.Newcomer
	for n := range 4 {
		newcomers = append(newcomers, store.Newcomer{Record: needs(n, 10, "acme"), Admission: ledger.Admission{Now: begin(), Budgets: b}})
	}
	results, err := s.AcceptEach(t.Context(), newcomers)
	must(t, "AcceptEach", err)
	var codes []string
	for _, r := range results {
		codes = append(codes, runwith.CodeOf(r.Err).String())
	}
	want(t, "codes", codes, []string{"OK", "OK", "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED"})
}

// testBudgetFull checks that an endpoint hears once that a budget has no room, although the
// request is refused.
func testBudgetFull(t *testing.T, s store.Store) {
	b := month(10, ledger.Rejecting, tenants())
	b.Hearers = []ledger.Hearer{{Endpoint: "ops"}, {Endpoint: "globex", Labels: map[string]string{"tenant": "globex"}}}
	for n := range 3 {
		want(t, "too much", accept(t, s, needs(n, 7, "acme"), b), []string{"accepted", "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED"}[n])
	}
	found, err := s.Deliveries(t.Context(), store.DeliveryQuery{Limit: 10})
	must(t, "Deliveries", err)
	if len(found) != 1 {
		t.Fatalf("deliveries = %+v, want one", found)
	}
	want(t, "endpoint", found[0].Endpoint, "ops")
	want(t, "event", found[0].Event, ledger.EventBudget)
	want(t, "invocation of the delivery", found[0].Invocation, "")
	for days, kept := range []int{1, 0} {
		at := found[0].Created.Add(ledger.BudgetDeliveryKept + time.Duration(days)*time.Second)
		_, err := s.Tidy(t.Context(), at, 1000*24*time.Hour, 10)
		must(t, "Tidy", err)
		left, err := s.Deliveries(t.Context(), store.DeliveryQuery{Limit: 10})
		must(t, "Deliveries", err)
		want(t, fmt.Sprintf("deliveries %d s after the time for which they are kept", days), len(left), kept)
	}
}

// testBudgetShares checks how much of budgets the store says is taken.
func testBudgetShares(t *testing.T, s store.Store) {
	b := month(100, ledger.Queueing, tenants(), ledger.Budget{Name: "server"})
	for n, tenant := range []string{"b", "a", "b", "c", ""} {
		accept(t, s, needs(n, 20, tenant), b)
	}
	want(t, "waits", accept(t, s, needs(9, 20, "a"), b), "waits")
	states, err := s.Shares(t.Context(), b.List, 202603, 2)
	must(t, "Shares", err)
	var got []string
	for _, state := range states {
		got = append(got, fmt.Sprint(state.Title(), " ", state.Spent.Reserved.VCPU/1000, " ", state.Waiting))
	}
	want(t, "shares", got, []string{"tenants (tenant=a) 20 0", "tenants (tenant=b) 40 0", "server 100 1"})
	rooms, err := s.Rooms(t.Context(), needs(10, 1, "a"), b, begin())
	must(t, "Rooms", err)
	if len(rooms) != 2 {
		t.Fatalf("rooms = %+v, want those of both budgets", rooms)
	}
	want(t, "one is ahead of the first budget", rooms[0].Ahead, false)
	want(t, "one is ahead of the second budget", rooms[1].Ahead, true)
	want(t, "reserved of the second budget", rooms[1].Spent.Reserved.VCPU, int64(100_000))
	next, err := s.Shares(t.Context(), b.List, 202604, 2)
	must(t, "Shares", err)
	if len(next) != 1 || next[0].Spent != (ledger.Spent{}) {
		t.Errorf("shares of the next month = %+v, want an empty one of the server", next)
	}
}

// run accepts a record, and takes it to its end.
func run(t *testing.T, s store.Store, r ledger.Record, b ledger.Budgets) ledger.Record {
	t.Helper()
	want(t, r.ID, accept(t, s, r, b), "accepted")
	takeUnder(t, s, b, begin(), false)
	move(t, s, r.ID, succeed)
	move(t, s, r.ID, finish)
	return find(t, s, r.ID)
}

// settleAs settles a record with a number of vCPU-seconds.
func settleAs(t *testing.T, s store.Store, r ledger.Record, vcpu int64, b ledger.Budgets) {
	t.Helper()
	settled, err := s.Settle(t.Context(), []ledger.Settlement{{Record: r, Cost: ledger.Cost{VCPU: vcpu * 1000}, Usage: runwith.Usage{VCPUSeconds: float64(vcpu)}}}, b)
	must(t, "Settle", err)
	want(t, "settled", settled, []string{r.ID})
}

// testBudgetSettled checks that usage replaces the worst case, and stays when the invocation is
// removed.
func testBudgetSettled(t *testing.T, s store.Store) {
	b := month(100, ledger.Queueing, tenants())
	first := run(t, s, needs(0, 100, "acme"), b)
	want(t, "second", accept(t, s, needs(1, 70, "acme"), b), "waits")
	want(t, "third", accept(t, s, needs(2, 30, "acme"), b), "waits")
	want(t, "taken before the first is settled", takeUnder(t, s, b, begin(), false), []string{})
	settleAs(t, s, first, 10, b)
	want(t, "taken then", takeUnder(t, s, b, begin(), false), []string{"id-001"})
	if n, err := s.Tidy(t.Context(), begin().Add(1000*time.Hour), time.Hour, 10); n != 1 || err != nil {
		t.Errorf("Tidy removes %d, %v, want the first", n, err)
	}
	states, err := s.Shares(t.Context(), b.List, 202603, 10)
	must(t, "Shares", err)
	want(t, "shares", len(states), 1)
	want(t, "spent", states[0].Spent, ledger.Spent{Used: ledger.Cost{VCPU: 10_000}, Reserved: ledger.Cost{VCPU: 70_000}})
	for name, scope := range map[string]ledger.Scope{
		"server": {}, "job": {Job: "report"}, "caller": {Caller: ledger.Anonymous},
		"all": {Job: "report", Caller: ledger.Anonymous, Label: "tenant", Value: "acme"},
	} {
		states, err := s.Shares(t.Context(), []ledger.Budget{{Name: name, Scope: scope}}, 202603, 10)
		must(t, "Shares", err)
		want(t, name+": used", states[0].Spent.Used.VCPU, int64(10_000))
	}
}

// testBudgetReached checks that each part of a budget is told of once, when it is used.
func testBudgetReached(t *testing.T, s store.Store) {
	b := month(100, ledger.Rejecting, tenants())
	b.Hearers = []ledger.Hearer{{Endpoint: "ops"}}
	told := func() int {
		found, err := s.Deliveries(t.Context(), store.DeliveryQuery{Endpoint: "ops", Limit: 10})
		must(t, "Deliveries", err)
		return len(found)
	}
	for n, c := range []struct{ uses, events int }{{49, 0}, {1, 1}, {10, 1}, {30, 2}, {10, 3}} {
		settleAs(t, s, run(t, s, needs(n, int64(c.uses), "acme"), b), int64(c.uses), b)
		want(t, fmt.Sprintf("events after %d", n), told(), c.events)
	}
	want(t, "refused", accept(t, s, needs(9, 1, "acme"), b), "RESOURCE_EXHAUSTED")
	want(t, "events after a refusal", told(), 3)
	settleAs(t, s, run(t, s, needs(10, 90, "globex"), b), 90, b)
	want(t, "events of another tenant", told(), 5)
}
