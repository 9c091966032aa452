// Package storetest is the suite that every store of invocations passes before it is
// used.
package storetest

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// Open opens an empty store, and closes it with the test.
type Open func(t *testing.T) store.Store

// Run runs the suite.
func Run(t *testing.T, open Open) {
	t.Helper()
	suite := map[string]func(*testing.T, store.Store){
		"round trip":       testRoundTrip,
		"edges":            testEdges,
		"states":           testStates,
		"compare and set":  testCompareAndSet,
		"subscribe":        testSubscribe,
		"terminal":         testTerminal,
		"one execution":    testOneExecution,
		"reused name":      testReusedName,
		"key":              testKey,
		"key, all at once": testKeyAtOnce,
		"key expires":      testKeyExpires,
		"slots":            testSlots,
		"reject":           testReject,
		"replace":          testReplace,
		"order":            testOrder,
		"oldest":           testOldest,
		"take at once":     testTakeAtOnce,
		"search first":     testSearchFirst,
		"quota":            testQuota,
		"rate":             testRate,
		"pause":            testPause,
		"lapse":            testLapse,
		"twins":            testTwins,
		"cancels":          testCancels,
		"import":           testImport,
		"tidy":             testTidy,
		"withdraw":         testWithdraw,
		"accept each":      testAcceptEach,
		"refused in each":  testAcceptEachRefused,
		"start later":      testStartLater,
		"sleeping slot":    testSleepingSlot,
		"explain":          testExplain,
		"slots of keys":    testSlotsOfKeys,
		"slots return":     testSlotsReturn,
		"parked successor": testParkedSuccessor,
		"parked, checked":  testParkedAndChecked,
		"limits":           testLimitsOfRecords,
		"rate behind":      testRateBehind,
		"accept rates":     testAcceptRates,
		"targets":          testTargets,
		"visible":          testVisible,
		"every list":       testEveryList,
		"tidy terms":       testTidyTerms,
		"history":          testHistory,
	}
	maps.Copy(suite, eventTests())
	maps.Copy(suite, budgetTests())
	maps.Copy(suite, usageTests())
	for name, test := range suite {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// eventTests are the tests of deliveries, and of events that triggers refuse.
func eventTests() map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"events":           testEvents,
		"delivery":         testDelivery,
		"lease ends":       testLeaseEnds,
		"fair":             testFair,
		"endpoints":        testEndpoints,
		"replay":           testReplay,
		"explain delivery": testExplainDelivery,
		"schedules":        testSchedules,
		"by source":        testBySource,
		"refused event":    testRefusedEvent,
		"event, accepted":  testSettledByAccept,
		"event, repeated":  testSettledByRepeat,
		"lists of events":  testEventLists,
		"bounds of events": testEventBounds,
	}
}

// begin is the time at which the tests begin.
func begin() time.Time { return time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC) }

// Waiting returns a newly accepted record. n is its place in the order.
func Waiting(n int) ledger.Record {
	return ledger.Record{
		Invocation: runwith.Invocation{ID: fmt.Sprintf("id-%03d", n), Job: "report", State: runwith.StateAccepted, Created: begin()},
		Version:    1, Owner: "me", Asked: []byte("{}"), Target: "report", Overrides: []byte{}, Checked: true, NotBefore: begin(),
	}
}

// startedBy returns a record that a source has started and owns; nil is a caller.
func startedBy(r ledger.Record, source *runwith.Source) ledger.Record {
	if r.Source = source; source != nil {
		r.Caller = ledger.SourceName(source)
		r.Owner = ledger.OwnerOf(r.Caller)
	}
	return r
}

// put stores a record in any state.
func put(t *testing.T, s store.Store, r ledger.Record) ledger.Record {
	t.Helper()
	accepted, err := s.Accept(t.Context(), r, ledger.Admission{Now: begin()})
	if err != nil || accepted.Replayed {
		t.Fatalf("Accept(%s) = replayed %v, %v", r.ID, accepted.Replayed, err)
	}
	return accepted.Record
}

func find(t *testing.T, s store.Store, id string) ledger.Record {
	t.Helper()
	r, err := s.Find(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ids returns the IDs of records.
func ids(records []ledger.Record) []string {
	list := make([]string, len(records))
	for i, r := range records {
		list[i] = r.ID
	}
	return list
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s = %+v, want %+v", what, got, want)
	}
}

func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s = %v", what, err)
	}
}

func testRoundTrip(t *testing.T, s store.Store) {
	at := begin().Add(123456 * time.Microsecond)
	r := ledger.Record{
		Invocation: runwith.Invocation{
			ID: "a", Job: "report", Caller: "docs-api", Labels: map[string]string{"tenant": "acme", "empty": ""}, State: runwith.StateFailed, Execution: "e", Attempts: 2,
			Created: at, Started: at.Add(1 * time.Second), Finished: at.Add(2 * time.Second), CancelRequested: at.Add(3 * time.Second),
			Counts: runwith.Counts{Tasks: 1, Running: 2, Succeeded: 3, Failed: 4, Cancelled: 5, Retried: 6, Interrupted: 7},
			Source: &runwith.Source{Trigger: "uploads", Event: "17"}, RerunOf: "older", Usage: &runwith.Usage{VCPUSeconds: 0.1, GiBSeconds: 2, GPUSeconds: 3, USD: 4.5},
			Error: &runwith.Failure{Code: "UNKNOWN", Reason: "r", Message: "why", Task: new(0), Attempt: new(1), ExitCode: 3, Signal: 4, Stderr: []string{"a", "b"},
				Tasks: []runwith.TaskFailure{{Task: 1, Attempts: 2, Reason: "s", ExitCode: 3, Signal: 4, Message: "m"}, {Task: 2, Attempts: 1}}},
		},
		Version: 7, ExecutionUID: "uid-of-e", Operation: "op", Owner: "me", Key: "k", Fingerprint: "f", Asked: []byte(`{"args":["a"]}`),
		Target: "projects/p/locations/l/jobs/j", Slot: "slot", SlotLimit: 9, Keep: time.Hour, Trace: "00-1-2-01",
		Subscribers: []ledger.Subscriber{{Endpoint: "docs", Events: []ledger.Event{ledger.EventFailed}}, {Endpoint: "request", URL: "https://a.example", Events: ledger.Events()}},
		Overrides:   []byte{1}, Checked: true, JobUID: "uid",
		NotBefore: at.Add(4 * time.Second), Lease: at.Add(5 * time.Second), Postponed: 8,
		SearchFrom: at.Add(6 * time.Second), WatchUntil: at.Add(7 * time.Second),
		KeyKeep: 31 * 24 * time.Hour, StartAt: at.Add(8 * time.Second), Month: 202611, Worst: ledger.Cost{VCPU: 1, Memory: 2, GPU: 3, Money: 4},
	}
	put(t, s, r)
	want(t, "Find", find(t, s, "a"), r)
	byKey, err := s.FindKey(t.Context(), "me", "k")
	must(t, "FindKey", err)
	want(t, "FindKey", byKey, r)
	for _, look := range []func() error{
		func() error { _, err := s.Find(t.Context(), "b"); return err },
		func() error { _, err := s.FindKey(t.Context(), "you", "k"); return err },
		func() error { _, err := s.FindKey(t.Context(), "me", "other"); return err },
	} {
		if err := look(); runwith.CodeOf(err) != runwith.NotFound {
			t.Errorf("what is not there = %v, want NOT_FOUND", err)
		}
	}
}

// testEdges tries every pair of states.
func testEdges(t *testing.T, s store.Store) {
	const (
		accepted, queued, starting, running = runwith.StateAccepted, runwith.StateQueued, runwith.StateStarting, runwith.StateRunning
		succeeded, failed, cancelled        = runwith.StateSucceeded, runwith.StateFailed, runwith.StateCancelled
		refused, unresolved                 = runwith.StateRefused, runwith.StateUnresolved
	)
	allowed := map[runwith.State][]runwith.State{
		accepted:   {accepted, starting, running, refused, cancelled, unresolved},
		queued:     {queued, starting, running, refused, cancelled, unresolved},
		starting:   {accepted, starting, running, refused, cancelled, unresolved},
		running:    {running, succeeded, failed, cancelled, unresolved},
		unresolved: {unresolved, accepted, running},
	}
	states := []runwith.State{accepted, queued, starting, running, succeeded, failed, cancelled, refused, unresolved}
	for i, from := range states {
		for j, to := range states {
			r := Waiting(10*i + j)
			r.State = from
			r = put(t, s, r)
			next := r
			next.State = to
			_, err := s.Move(t.Context(), ledger.Move{From: r, To: next})
			leads := slices.Contains(allowed[from], to)
			if leads != (err == nil) || !leads && !errors.Is(err, store.ErrStale) {
				t.Errorf("Move from %s to %s = %v, allowed %v", from, to, err, leads)
			}
			if got := find(t, s, r.ID).State; !leads && got != from {
				t.Errorf("after a move from %s to %s that failed it is %s", from, to, got)
			}
		}
	}
}

func testCompareAndSet(t *testing.T, s store.Store) {
	r := Waiting(0)
	r.State = runwith.StateStarting
	r = put(t, s, r)
	running := r
	running.State, running.Execution = runwith.StateRunning, "e1"
	moved, err := s.Move(t.Context(), ledger.Move{From: r, To: running})
	must(t, "Move", err)
	if _, err := s.Move(t.Context(), ledger.Move{From: r, To: running}); !errors.Is(err, store.ErrStale) {
		t.Errorf("the same move again = %v, want %v", err, store.ErrStale)
	}
	other := moved
	other.Execution = "e2"
	if _, err := s.Move(t.Context(), ledger.Move{From: moved, To: other}); !errors.Is(err, store.ErrStale) {
		t.Errorf("move to another execution = %v, want %v", err, store.ErrStale)
	}
	stale := moved
	stale.Version--
	if _, err := s.Move(t.Context(), ledger.Move{From: stale, To: moved}); !errors.Is(err, store.ErrStale) {
		t.Errorf("move from an old version = %v, want %v", err, store.ErrStale)
	}
	counted := moved
	counted.Counts.Running = 1
	each, err := s.MoveEach(t.Context(), []ledger.Move{{From: stale, To: stale}, {From: moved, To: counted}})
	must(t, "MoveEach", err)
	want(t, "MoveEach passes over what is stale", ids(each), []string{r.ID})
}

// testTerminal checks that no move leaves an end, nor an unresolved record that was
// left.
func testTerminal(t *testing.T, s store.Store) {
	r := Waiting(0)
	r.State = runwith.StateUnresolved
	r = put(t, s, r)
	left := r
	left.Finished = begin()
	left, err := s.Move(t.Context(), ledger.Move{From: r, To: left})
	must(t, "Move", err)
	again := left
	again.State, again.Finished = runwith.StateAccepted, time.Time{}
	if _, err := s.Move(t.Context(), ledger.Move{From: left, To: again}); !errors.Is(err, store.ErrStale) {
		t.Errorf("move from an unresolved that was left = %v, want %v", err, store.ErrStale)
	}
}

func testOneExecution(t *testing.T, s store.Store) {
	for n := range 2 {
		r := Waiting(n)
		r.State = runwith.StateStarting
		r = put(t, s, r)
		running := r
		running.State, running.Execution = runwith.StateRunning, "same"
		_, err := s.Move(t.Context(), ledger.Move{From: r, To: running})
		if taken := n == 1; taken != errors.Is(err, store.ErrTaken) || !taken && err != nil {
			t.Errorf("Move of invocation %d to the execution = %v", n, err)
		}
	}
}

// testReusedName lets a second invocation adopt an execution with the name of the first
// one's, which runs or has ended.
func testReusedName(t *testing.T, s store.Store) {
	for i, test := range []struct {
		name          string
		first, second string // UIDs
		ended, taken  bool
	}{
		{"another execution, while the first runs", "u1", "u2", false, false},
		{"another execution, after the first has ended", "u1", "u2", true, false},
		{"the same execution, while the first runs", "u1", "u1", false, true},
		{"the same execution, after the first has ended", "u1", "u1", true, true},
		{"unknown, while the first runs", "", "", false, true},
		{"unknown, after the first has ended", "", "", true, false},
		{"only the second is known, after the first has ended", "", "u2", true, false},
	} {
		name := fmt.Sprint("execution of case ", i)
		first, err := adopt(t, s, Waiting(2*i), name, test.first)
		must(t, test.name, err)
		if test.ended {
			_, err := s.Move(t.Context(), ledger.Move{From: first, To: first.Observed(ledger.Status{State: runwith.StateSucceeded}, begin())})
			must(t, test.name, err)
		}
		second, err := adopt(t, s, Waiting(2*i+1), name, test.second)
		if test.taken != errors.Is(err, store.ErrTaken) || !test.taken && err != nil {
			t.Errorf("%s: Move() = %v, want taken: %t", test.name, err, test.taken)
		}
		if !test.taken && find(t, s, second.ID).ExecutionUID != test.second {
			t.Errorf("%s: UID = %q, want %q", test.name, find(t, s, second.ID).ExecutionUID, test.second)
		}
	}
}

// adopt stores a record that is starting, and moves it to running with an execution.
func adopt(t *testing.T, s store.Store, r ledger.Record, execution, uid string) (ledger.Record, error) {
	t.Helper()
	r.State = runwith.StateStarting
	r = put(t, s, r)
	return s.Move(t.Context(), ledger.Move{From: r, To: r.Adopted(execution, ledger.Status{State: runwith.StateRunning, UID: uid})})
}

// testSubscribe changes a row in each way, and checks that every change is announced.
func testSubscribe(t *testing.T, s store.Store) {
	changed, leave := s.Subscribe("id-000")
	defer leave()
	var r ledger.Record
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"Accept", func() error { r = put(t, s, Waiting(0)); return nil }},
		{"Take", func() error {
			taken, err := s.Take(t.Context(), take(begin(), 1))
			if err == nil {
				r = taken.Records[0]
			}
			return err
		}},
		{"Move", func() (err error) {
			r, err = s.Move(t.Context(), ledger.Move{From: r, To: r.Adopted("e", ledger.Status{})})
			return err
		}},
		{"MoveEach", func() error {
			_, err := s.MoveEach(t.Context(), []ledger.Move{{From: r, To: r.Observed(ledger.Status{State: runwith.StateSucceeded}, begin())}})
			return err
		}},
		{"AddTwin", func() error {
			_, err := s.AddTwin(t.Context(), store.Twin{Execution: "e2", Invocation: "id-000", Found: begin()})
			return err
		}},
	} {
		must(t, step.name, step.do())
		select {
		case <-changed:
		case <-time.After(10 * time.Second):
			t.Errorf("%s: no change is announced", step.name)
		}
	}
}
