package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// keyedBy returns a record that waits, with a concurrency key and its limit.
func keyedBy(n int, key string, limit int) ledger.Record {
	r := Waiting(n)
	r.Slot, r.SlotLimit = key, limit
	return r
}

// takeIDs takes what is due, and returns the IDs.
func takeIDs(t *testing.T, s store.Store, limit int) []string {
	t.Helper()
	taken, err := s.Take(t.Context(), take(begin(), limit))
	must(t, "Take", err)
	return ids(taken.Records)
}

// move moves a record on.
func move(t *testing.T, s store.Store, id string, to func(ledger.Record) ledger.Record) {
	t.Helper()
	r := find(t, s, id)
	_, err := s.Move(t.Context(), ledger.Move{From: r, To: to(r)})
	must(t, "Move "+id, err)
}

func succeed(r ledger.Record) ledger.Record {
	return r.Adopted("execution of "+r.ID, ledger.Status{State: runwith.StateRunning})
}

func finish(r ledger.Record) ledger.Record {
	return r.Observed(ledger.Status{State: runwith.StateSucceeded}, begin())
}

// testSlotsOfKeys checks that each key has slots of its own, and that a key whose slots are
// taken hides no other.
func testSlotsOfKeys(t *testing.T, s store.Store) {
	for n := range 12 {
		put(t, s, keyedBy(n, []string{"a", "b", "c"}[n%3], n%3+1))
	}
	put(t, s, Waiting(12))
	want(t, "taken", takeIDs(t, s, 20), []string{"id-000", "id-001", "id-002", "id-004", "id-005", "id-008", "id-012"})
	want(t, "taken while the slots are taken", takeIDs(t, s, 20), []string{})
	for _, id := range []string{"id-003", "id-006", "id-007", "id-011"} {
		if !find(t, s, id).Parked {
			t.Errorf("%s is not parked", id)
		}
	}
	move(t, s, "id-001", succeed)
	want(t, "taken when one runs", takeIDs(t, s, 20), []string{})
	move(t, s, "id-001", finish)
	move(t, s, "id-000", func(r ledger.Record) ledger.Record { return r.Refused(errSome, begin()) })
	if find(t, s, "id-003").Parked || find(t, s, "id-007").Parked {
		t.Error("the next of the keys are parked although a slot is free")
	}
	want(t, "taken when two have ended", takeIDs(t, s, 20), []string{"id-003", "id-007"})
}

var errSome = runwith.Errorf(runwith.Internal, "some")

// testSlotsReturn checks each way in which a slot becomes free, and that the next one waiting
// for it is taken then.
func testSlotsReturn(t *testing.T, s store.Store) {
	for name, free := range map[string]func(t *testing.T, id string){
		"not started": func(t *testing.T, id string) {
			move(t, s, id, func(r ledger.Record) ledger.Record { return r.Returned(begin()) })
		},
		"refused": func(t *testing.T, id string) {
			move(t, s, id, func(r ledger.Record) ledger.Record { return r.Refused(errSome, begin()) })
		},
		"ended":        func(t *testing.T, id string) { move(t, s, id, succeed); move(t, s, id, finish) },
		"left":         func(t *testing.T, id string) { move(t, s, id, lose); move(t, s, id, leave) },
		"many at once": func(t *testing.T, id string) { move(t, s, id, succeed); finishEach(t, s, id) },
	} {
		key := "key of " + name
		base := 100 * (1 + slices.Index([]string{"not started", "refused", "ended", "left", "many at once"}, name))
		for n := range 3 {
			put(t, s, keyedBy(base+n, key, 1))
		}
		first, second := fmt.Sprintf("id-%03d", base), fmt.Sprintf("id-%03d", base+1)
		want(t, name+": taken", takeIDs(t, s, 9), []string{first})
		want(t, name+": taken when full", takeIDs(t, s, 9), []string{})
		free(t, first)
		next := second
		if name == "not started" {
			next = first // it keeps its place
		}
		want(t, name+": taken then", takeIDs(t, s, 9), []string{next})
	}
}

func lose(r ledger.Record) ledger.Record { return r.Unresolved(errSome, "why") }

func leave(r ledger.Record) ledger.Record {
	left, _ := ledger.Resolve(r, ledger.Leave, begin())
	return left
}

func finishEach(t *testing.T, s store.Store, id string) {
	t.Helper()
	r := find(t, s, id)
	_, err := s.MoveEach(t.Context(), []ledger.Move{{From: r, To: finish(r)}})
	must(t, "MoveEach", err)
}

// testParkedSuccessor cancels or withdraws the one for which a slot has become free, before it
// is taken. The slot is the next one's then.
func testParkedSuccessor(t *testing.T, s store.Store) {
	for n := range 4 {
		put(t, s, keyedBy(n, "key", 1))
	}
	want(t, "taken", takeIDs(t, s, 9), []string{"id-000"})
	want(t, "taken when full", takeIDs(t, s, 9), []string{})
	move(t, s, "id-000", succeed)
	move(t, s, "id-000", finish)
	move(t, s, "id-001", func(r ledger.Record) ledger.Record { return r.Cancelled(begin(), nil) })
	if withdrawn, err := s.Withdraw(t.Context(), "id-002"); !withdrawn || err != nil {
		t.Errorf("Withdraw = %t, %v", withdrawn, err)
	}
	want(t, "taken then", takeIDs(t, s, 9), []string{"id-003"})
}

// testParkedAndChecked checks and searches records while the slots of their key are taken.
func testParkedAndChecked(t *testing.T, s store.Store) {
	put(t, s, keyedBy(0, "key", 1))
	want(t, "taken", takeIDs(t, s, 9), []string{"id-000"})
	unchecked, searched := keyedBy(1, "key", 1), keyedBy(2, "key", 1)
	unchecked.Checked = false
	searched.SearchFrom = begin()
	put(t, s, unchecked)
	put(t, s, searched)
	move(t, s, "id-001", func(r ledger.Record) ledger.Record { return r.Fitted(nil, "uid") })
	move(t, s, "id-002", func(r ledger.Record) ledger.Record { return r.Returned(begin()) })
	want(t, "taken when full", takeIDs(t, s, 9), []string{})
	move(t, s, "id-000", succeed)
	move(t, s, "id-000", finish)
	want(t, "taken when it has ended", takeIDs(t, s, 9), []string{"id-001"})
	_, err := s.MoveEach(t.Context(), ledger.Recover([]ledger.Record{find(t, s, "id-002")}, begin(), time.Minute))
	must(t, "MoveEach", err)
	move(t, s, "id-001", succeed)
	move(t, s, "id-001", finish)
	want(t, "taken while it is searched for", takeIDs(t, s, 9), []string{})
	move(t, s, "id-002", func(r ledger.Record) ledger.Record { return r.Returned(begin()) })
	want(t, "taken when it was not found", takeIDs(t, s, 9), []string{"id-002"})
}

// testLimitsOfRecords checks that the limit is each record's own: it was raised meanwhile.
func testLimitsOfRecords(t *testing.T, s store.Store) {
	for n, limit := range []int{1, 1, 3, 3, 3} {
		put(t, s, keyedBy(n, "key", limit))
	}
	want(t, "taken", takeIDs(t, s, 9), []string{"id-000", "id-002", "id-003"})
	end := func(id string) {
		move(t, s, id, succeed)
		move(t, s, id, finish)
	}
	end("id-002")
	want(t, "taken when the limit of a later one allows it", takeIDs(t, s, 9), []string{"id-004"})
	end("id-003")
	end("id-004")
	want(t, "taken while the first holds the only slot of the second", takeIDs(t, s, 9), []string{})
	end("id-000")
	want(t, "taken when none holds it", takeIDs(t, s, 9), []string{"id-001"})
}

// testRateBehind checks that a job that has used up its rate holds up no other.
func testRateBehind(t *testing.T, s store.Store) {
	for n := range 300 {
		r := Waiting(n)
		if n < 298 {
			r.Job = "slow"
		}
		put(t, s, r)
	}
	query := take(begin(), 16)
	query.Rates = map[string]ledger.Quota{"slow": 10}
	taken, err := s.Take(t.Context(), query)
	must(t, "Take", err)
	want(t, "taken", ids(taken.Records), []string{"id-000", "id-298", "id-299"})
	again, err := s.Take(t.Context(), query)
	must(t, "Take", err)
	if len(again.Records) > 0 || !again.Next.After(begin()) || again.Holds.Rates["slow"].IsZero() {
		t.Errorf("taken again = %v, next %v, holds %+v, want nothing before there is a token", ids(again.Records), again.Next, again.Holds)
	}
}

// testAcceptRates checks that an acceptance spends one token of each limit, and a replay or a
// refusal none.
func testAcceptRates(t *testing.T, s store.Store) {
	a := ledger.Admission{Now: begin(), Overflow: ledger.Rejecting, Rates: []ledger.RateLimit{{Name: "caller/me", Quota: 20}, {Name: "caller/me/report", Quota: 10}}}
	r := keyed(0, "k", "f")
	r.Slot, r.SlotLimit = "key", 1
	accept := func(r ledger.Record, a ledger.Admission) error {
		_, err := s.Accept(t.Context(), r, a)
		return err
	}
	must(t, "Accept", accept(r, a))
	again := keyed(1, "k", "f")
	must(t, "a replay", accept(again, a))
	err := accept(Waiting(2), a)
	if runwith.CodeOf(err) != runwith.ResourceExhausted || cause.RetryAfterOf(err) < time.Second {
		t.Errorf("Accept without a token = %v, want RESOURCE_EXHAUSTED, and when to ask again", err)
	}
	if _, err := s.Find(t.Context(), "id-002"); runwith.CodeOf(err) != runwith.NotFound {
		t.Errorf("Find of what was refused = %v, want NOT_FOUND", err)
	}
	other := a
	other.Rates = a.Rates[:1] // one token is left: the refusal has spent none
	rejected := Waiting(3)
	rejected.Slot, rejected.SlotLimit = "key", 1
	if err := accept(rejected, other); runwith.CodeOf(err) != runwith.Aborted {
		t.Errorf("Accept beyond the slots = %v, want ABORTED", err)
	}
	must(t, "Accept with the last token", accept(Waiting(4), other))
	if err := accept(Waiting(5), other); runwith.CodeOf(err) != runwith.ResourceExhausted {
		t.Errorf("Accept without a token = %v, want RESOURCE_EXHAUSTED", err)
	}
	later := other
	later.Now = begin().Add(cause.RetryAfterOf(err))
	must(t, "Accept later", accept(Waiting(6), later))
}

// testTargets checks that records are watched by their target.
func testTargets(t *testing.T, s store.Store) {
	for n, target := range []string{"report", "projects/p/locations/l/jobs/report", "projects/p/locations/l/jobs/report"} {
		r := Waiting(n)
		r.Target, r.State, r.Execution = target, runwith.StateRunning, fmt.Sprint("e", n)
		put(t, s, r)
	}
	jobs, err := s.WatchedJobs(t.Context())
	must(t, "WatchedJobs", err)
	slices.Sort(jobs)
	want(t, "watched jobs", jobs, []string{"projects/p/locations/l/jobs/report", "report"})
	watched, err := s.Watched(t.Context(), "projects/p/locations/l/jobs/report")
	must(t, "Watched", err)
	want(t, "watched", ids(watched), []string{"id-001", "id-002"})
}

// testVisible lists by labels and by what may be seen, in every combination with other filters.
func testVisible(t *testing.T, s store.Store) {
	for n := range 12 {
		r := Waiting(n)
		r.Owner = []string{"me", "you", "they"}[n%3]
		r.Job = []string{"report", "other"}[n%2]
		r.Labels = map[string]string{"tenant": []string{"acme", "globex"}[n/6], "n": fmt.Sprint(n % 4)}
		put(t, s, r)
	}
	plain := Waiting(12)
	plain.Owner, plain.RerunOf = "you", "id-000"
	put(t, s, plain)
	for _, id := range []string{"id-001", "id-006"} {
		move(t, s, id, func(r ledger.Record) ledger.Record { return r.Cancelled(begin(), nil) })
	}
	ended, waiting := runwith.StateCancelled, runwith.StateAccepted
	for name, test := range map[string]struct {
		query store.Query
		want  []string
	}{
		"label":                   {store.Query{Labels: map[string]string{"tenant": "globex"}}, []string{"id-011", "id-010", "id-009", "id-008", "id-007", "id-006"}},
		"two labels":              {store.Query{Labels: map[string]string{"tenant": "acme", "n": "1"}}, []string{"id-005", "id-001"}},
		"no such value":           {store.Query{Labels: map[string]string{"tenant": "ACME"}}, []string{}},
		"label and job":           {store.Query{Labels: map[string]string{"tenant": "acme"}, Job: "other"}, []string{"id-005", "id-003", "id-001"}},
		"label and page":          {store.Query{Labels: map[string]string{"tenant": "acme"}, Before: "id-004", Limit: 2}, []string{"id-003", "id-002"}},
		"label and state":         {store.Query{Labels: map[string]string{"tenant": "acme"}, States: []runwith.State{runwith.StateFailed}}, []string{}},
		"own":                     {store.Query{Visible: &store.Visibility{Owner: "me"}}, []string{"id-009", "id-006", "id-003", "id-000"}},
		"own with label":          {store.Query{Visible: &store.Visibility{Owner: "me"}, Labels: map[string]string{"tenant": "acme"}}, []string{"id-003", "id-000"}},
		"own and a job's":         {store.Query{Visible: &store.Visibility{Owner: "me", Jobs: []string{"other"}}, Limit: 5}, []string{"id-011", "id-009", "id-007", "id-006", "id-005"}},
		"own and others', paged":  {store.Query{Visible: &store.Visibility{Owner: "me", Jobs: []string{"other"}}, Before: "id-005", Limit: 5}, []string{"id-003", "id-001", "id-000"}},
		"a job's with label":      {store.Query{Visible: &store.Visibility{Jobs: []string{"other"}}, Labels: map[string]string{"tenant": "globex"}}, []string{"id-011", "id-009", "id-007"}},
		"own of a job":            {store.Query{Visible: &store.Visibility{Owner: "me"}, Job: "report"}, []string{"id-006", "id-000"}},
		"own of a visible job":    {store.Query{Visible: &store.Visibility{Owner: "me", Jobs: []string{"report"}}, Job: "report", Before: "id-007"}, []string{"id-006", "id-004", "id-002", "id-000"}},
		"a state among own":       {store.Query{Visible: &store.Visibility{Owner: "me"}, States: []runwith.State{runwith.StateAccepted}, Limit: 1}, []string{"id-009"}},
		"one of two states":       {store.Query{States: []runwith.State{ended, waiting, ended}, Before: "id-003"}, []string{"id-002", "id-001", "id-000"}},
		"a job in a state":        {store.Query{Job: "other", States: []runwith.State{ended, runwith.StateFailed}}, []string{"id-001"}},
		"visible in states":       {store.Query{Visible: &store.Visibility{Owner: "me", Jobs: []string{"other"}}, States: []runwith.State{ended, waiting}, Limit: 3}, []string{"id-011", "id-009", "id-007"}},
		"caller":                  {store.Query{Owner: "you", Limit: 3}, []string{"id-012", "id-010", "id-007"}},
		"caller and job":          {store.Query{Owner: "you", Job: "other"}, []string{"id-007", "id-001"}},
		"caller, job and state":   {store.Query{Owner: "you", Job: "other", States: []runwith.State{ended}}, []string{"id-001"}},
		"caller and label":        {store.Query{Owner: "you", Labels: map[string]string{"tenant": "acme"}}, []string{"id-004", "id-001"}},
		"the reader as caller":    {store.Query{Owner: "me", Visible: &store.Visibility{Owner: "me", Jobs: []string{"other"}}}, []string{"id-009", "id-006", "id-003", "id-000"}},
		"another visible caller":  {store.Query{Owner: "you", Visible: &store.Visibility{Owner: "me", Jobs: []string{"other"}}}, []string{"id-007", "id-001"}},
		"an invisible caller":     {store.Query{Owner: "you", Visible: &store.Visibility{Owner: "me"}}, []string{}},
		"between":                 {store.Query{After: "id-003", Before: "id-006"}, []string{"id-005", "id-004"}},
		"own between":             {store.Query{After: "id-003", Before: "id-009", Visible: &store.Visibility{Owner: "me"}}, []string{"id-006"}},
		"reruns":                  {store.Query{RerunOf: "id-000"}, []string{"id-012"}},
		"reruns of a job":         {store.Query{RerunOf: "id-000", Job: "other"}, []string{}},
		"own reruns":              {store.Query{RerunOf: "id-000", Visible: &store.Visibility{Owner: "me"}}, []string{}},
		"reruns with a label":     {store.Query{RerunOf: "id-000", Labels: map[string]string{"tenant": "acme"}}, []string{}},
		"nothing":                 {store.Query{Visible: &store.Visibility{}}, []string{}},
		"nobody's":                {store.Query{Visible: &store.Visibility{Owner: "nobody", Jobs: []string{"none"}}}, []string{}},
		"an invisible job's":      {store.Query{Visible: &store.Visibility{Jobs: []string{"other"}}, Job: "report"}, []string{}},
		"own without any of them": {store.Query{Visible: &store.Visibility{Owner: "you"}, Labels: map[string]string{"tenant": "none"}}, []string{}},
	} {
		if test.query.Limit == 0 {
			test.query.Limit = 20
		}
		list, err := s.List(t.Context(), test.query)
		must(t, name, err)
		want(t, name, ids(list), test.want)
	}
}

// testTidyTerms checks that an invocation's own time counts, that its labels go with it, and
// that it stays while its delivery is pending.
func testTidyTerms(t *testing.T, s store.Store) {
	const day = 24 * time.Hour
	now := time.Now().UTC().Add(2 * day) // deliveries have the store's clock
	for n, keep := range []time.Duration{0, time.Hour, 90 * day, 0} {
		r := Waiting(n)
		r.Keep, r.Labels = keep, map[string]string{"n": "x"}
		r.State, r.Finished = runwith.StateSucceeded, now.Add(-day)
		if n == 3 {
			r = running(n)
			r.Labels = map[string]string{"n": "x"}
			put(t, s, r)
			move(t, s, r.ID, func(r ledger.Record) ledger.Record {
				return r.Observed(ledger.Status{State: runwith.StateSucceeded, Finished: now.Add(-day)}, now)
			})
			settle(t, s, settlementOf(find(t, s, r.ID), 0))
			continue
		}
		put(t, s, r)
	}
	left := func() []string {
		list, err := s.List(t.Context(), store.Query{Labels: map[string]string{"n": "x"}, Limit: 9})
		must(t, "List", err)
		return ids(list)
	}
	tidy := func(at time.Time, keep time.Duration) int {
		n, err := s.Tidy(t.Context(), at, keep, 9)
		must(t, "Tidy", err)
		return n
	}
	want(t, "removed with an hour of its own", tidy(now, 2*day), 1)
	want(t, "left", left(), []string{"id-003", "id-002", "id-000"})
	want(t, "removed by the default", tidy(now, time.Hour), 1)
	want(t, "left while a delivery is pending", left(), []string{"id-003", "id-002"})
	want(t, "removed when that is too old", tidy(now.Add(ledger.DeliveryKept), time.Hour), 1)
	want(t, "left then", left(), []string{"id-002"})
	rest, err := s.Deliveries(t.Context(), store.DeliveryQuery{Limit: 9})
	if len(rest) > 0 || err != nil {
		t.Errorf("deliveries = %+v, %v, want them removed too", rest, err)
	}
	want(t, "removed in the end", tidy(now.Add(91*day), time.Hour), 1)
}
