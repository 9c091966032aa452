package storetest

import (
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

func newcomer(r ledger.Record, a ledger.Admission) store.Newcomer {
	a.Now = begin()
	return store.Newcomer{Record: r, Admission: a}
}

// testAcceptEach checks that a batch answers each item as Accept would, in order, also if two
// items have the same key.
func testAcceptEach(t *testing.T, s store.Store) {
	put(t, s, keyed(0, "known", "f"))
	got, err := s.AcceptEach(t.Context(), []store.Newcomer{
		newcomer(keyed(1, "a", "f"), ledger.Admission{}), newcomer(keyed(2, "known", "f"), ledger.Admission{}),
		newcomer(keyed(3, "a", "f"), ledger.Admission{}), newcomer(keyed(4, "a", "g"), ledger.Admission{}), newcomer(Waiting(5), ledger.Admission{}),
	})
	must(t, "AcceptEach", err)
	type answer struct {
		ID       string
		Replayed bool
		Code     runwith.Code
	}
	answers := make([]answer, len(got))
	for i, a := range got {
		answers[i] = answer{a.Record.ID, a.Replayed, runwith.CodeOf(a.Err)}
	}
	want(t, "answers", answers, []answer{
		{"id-001", false, runwith.OK}, {"id-000", true, runwith.OK}, {"id-001", true, runwith.OK}, {"", false, runwith.AlreadyExists}, {"id-005", false, runwith.OK},
	})
	list, err := s.List(t.Context(), store.Query{Limit: 10})
	must(t, "List", err)
	want(t, "accepted", ids(list), []string{"id-005", "id-001", "id-000"})
	if none, err := s.AcceptEach(t.Context(), nil); err != nil || len(none) != 0 {
		t.Errorf("AcceptEach of none = %v, %v, want nothing", none, err)
	}
}

// testAcceptEachRefused checks that a refused item leaves nothing behind: not the tokens that
// it has spent, and not the release of an expired key.
func testAcceptEachRefused(t *testing.T, s store.Store) {
	old := keyed(0, "old", "f")
	old.Created, old.State = begin().Add(-2*ledger.KeyAfterAcceptance), runwith.StateSucceeded
	old.Finished = old.Created
	put(t, s, old)
	_, err := admit(t, s, 1, 1, ledger.Rejecting)
	must(t, "Accept", err)
	rejected := slotted(2, 1)
	rejected.Key, rejected.Fingerprint = "old", "f"
	limited := ledger.Admission{Overflow: ledger.Rejecting, Rates: []ledger.RateLimit{{Name: "accept", Quota: 1}}}
	got, err := s.AcceptEach(t.Context(), []store.Newcomer{newcomer(rejected, limited), newcomer(Waiting(3), limited), newcomer(Waiting(4), limited)})
	must(t, "AcceptEach", err)
	var codes []runwith.Code
	for _, a := range got {
		codes = append(codes, runwith.CodeOf(a.Err))
	}
	want(t, "codes, of which the first spends no token", codes, []runwith.Code{runwith.Aborted, runwith.OK, runwith.ResourceExhausted})
	if r, err := s.FindKey(t.Context(), "me", "old"); err != nil || r.ID != old.ID {
		t.Errorf("the key that the refused one would have taken is of %q, %v, want %s", r.ID, err, old.ID)
	}
}
