package storetest

import (
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// testSchedules saves the state of schedules, as a compare-and-set.
func testSchedules(t *testing.T, s store.Store) {
	nightly := ledger.Schedule{Name: "nightly", Timing: "@daily UTC", Cursor: begin()}
	made := ledger.Schedule{
		Name: "made", Spec: []byte(`{"cron":"@hourly"}`), Timing: "@hourly UTC", Paused: true, Cursor: begin().Add(time.Hour),
		Last:   ledger.SlotOutcome{Slot: begin().Add(time.Hour), At: begin().Add(2 * time.Hour), Result: ledger.SlotFailed, Late: true, Code: "NOT_FOUND", Message: "no"},
		Counts: ledger.SlotCounts{Started: 1, Skipped: 2, Failed: 3, Missed: 4},
	}
	saved, err := s.SaveSchedules(t.Context(), []ledger.Schedule{nightly, made})
	must(t, "SaveSchedules", err)
	nightly.Version, made.Version = nightly.FirstVersion(), made.FirstVersion()
	want(t, "saved", saved, []ledger.Schedule{nightly, made})
	all, err := s.Schedules(t.Context())
	must(t, "Schedules", err)
	want(t, "all", all, []ledger.Schedule{made, nightly})

	stale, again := nightly, nightly
	nightly = nightly.Handled(ledger.SlotOutcome{Slot: begin().Add(time.Hour), At: begin().Add(time.Hour), Result: ledger.SlotStarted, Invocation: "id"}, 2)
	again.Version = 0
	saved, err = s.SaveSchedules(t.Context(), []ledger.Schedule{again, nightly})
	must(t, "SaveSchedules again", err)
	nightly.Version++
	want(t, "saved again", saved, []ledger.Schedule{nightly})
	stale.Paused = true
	saved, err = s.SaveSchedules(t.Context(), []ledger.Schedule{stale})
	must(t, "SaveSchedules of a stale one", err)
	want(t, "saved stale", len(saved), 0)
	found, err := s.Schedule(t.Context(), "nightly")
	must(t, "Schedule", err)
	want(t, "nightly", found, nightly)

	removed, err := s.RemoveSchedule(t.Context(), "nightly", stale.Version)
	must(t, "RemoveSchedule", err)
	want(t, "removed a stale one", removed, false)
	removed, err = s.RemoveSchedule(t.Context(), "nightly", nightly.Version)
	must(t, "RemoveSchedule", err)
	want(t, "removed", removed, true)
	_, err = s.Schedule(t.Context(), "nightly")
	want(t, "code after the removal", runwith.CodeOf(err), runwith.NotFound)

	later := ledger.Schedule{Name: "nightly", Timing: "@hourly UTC", Cursor: begin().Add(time.Second)}
	_, err = s.SaveSchedules(t.Context(), []ledger.Schedule{later})
	must(t, "SaveSchedules of another one", err)
	saved, err = s.SaveSchedules(t.Context(), []ledger.Schedule{stale, nightly})
	must(t, "SaveSchedules of the removed one", err)
	want(t, "saved over another one", len(saved), 0)
}

// testBySource lists the invocations of a source.
func testBySource(t *testing.T, s store.Store) {
	nightly := &runwith.Source{Schedule: "nightly", Slot: begin(), Manual: true}
	for n, source := range []*runwith.Source{nil, nightly, {Schedule: "other", Slot: begin()}, nightly, {Trigger: "nightly", Event: "1"}} {
		r := startedBy(Waiting(n), source)
		r.Labels = map[string]string{"tenant": "acme"}
		put(t, s, r)
	}
	_, err := s.Move(t.Context(), ledger.Move{From: find(t, s, "id-001"), To: find(t, s, "id-001").Cancelled(begin(), nil)})
	must(t, "Move", err)
	for name, test := range map[string]struct {
		q    store.Query
		want []string
	}{
		"all":              {store.Query{Source: "schedule/nightly"}, []string{"id-003", "id-001"}},
		"unfinished":       {store.Query{Source: "schedule/nightly", Unfinished: true}, []string{"id-003"}},
		"of no source":     {store.Query{Unfinished: true}, []string{"id-004", "id-003", "id-002", "id-000"}},
		"labelled":         {store.Query{Source: "schedule/nightly", Unfinished: true, Labels: map[string]string{"tenant": "acme"}}, []string{"id-003"}},
		"visible":          {store.Query{Source: "trigger/nightly", Visible: &store.Visibility{Jobs: []string{"report"}}}, []string{"id-004"}},
		"nothing visible":  {store.Query{Source: "trigger/nightly", Visible: &store.Visibility{Jobs: []string{"x"}}}, []string{}},
		"in a state":       {store.Query{Source: "schedule/nightly", States: []runwith.State{runwith.StateCancelled}}, []string{"id-001"}},
		"before another":   {store.Query{Source: "schedule/nightly", Before: "id-003"}, []string{"id-001"}},
		"all schedules":    {store.Query{Source: "schedule/"}, []string{"id-003", "id-002", "id-001"}},
		"all triggers":     {store.Query{Source: "trigger/", States: []runwith.State{runwith.StateAccepted}}, []string{"id-004"}},
		"all, labelled":    {store.Query{Source: "schedule/", After: "id-001", Labels: map[string]string{"tenant": "acme"}}, []string{"id-003", "id-002"}},
		"unknown source":   {store.Query{Source: "schedule/x"}, []string{}},
		"manual is stored": {store.Query{Source: "schedule/nightly", States: []runwith.State{runwith.StateAccepted}}, []string{"id-003"}},
	} {
		test.q.Limit = 10
		found, err := s.List(t.Context(), test.q)
		must(t, name, err)
		want(t, name, ids(found), test.want)
		if name == "manual is stored" {
			want(t, "source", found[0].Source, nightly)
		}
	}
}
