package ledger

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
)

// at is a time of the tests, in seconds.
func at(seconds int) time.Time {
	return time.Date(2026, 3, 1, 10, 0, seconds, 0, time.UTC)
}

// in returns a record in a state, with the number as its ID.
func in(n int, s runwith.State, change ...func(*Record)) Record {
	r := Record{Invocation: runwith.Invocation{ID: fmt.Sprint(n), Job: "report", State: s, Created: at(0)}, Version: 1, Slot: "slot", Checked: true}
	for _, f := range change {
		f(&r)
	}
	return r
}

func searched(r *Record)  { r.SearchFrom = at(5) }
func wanted(r *Record)    { r.CancelRequested = at(5) }
func unchecked(r *Record) { r.Checked = false }
func executed(r *Record)  { r.Execution = "e" }
func left(r *Record)      { r.Finished = at(9) }

// slots sets the number of slots of the record's key.
func slots(n int) func(*Record) { return func(r *Record) { r.SlotLimit = n } }

// ends describes moves as "ID state", with + for a requested cancellation.
func ends(moves []Move) []string {
	var list []string
	for _, m := range moves {
		text := m.To.ID + " " + string(m.To.State)
		if !m.To.CancelRequested.IsZero() {
			text += " +"
		}
		if !m.Legal() {
			text += " illegal"
		}
		list = append(list, text)
	}
	return list
}

func TestAdmit(t *testing.T) {
	t.Parallel()
	const accepted, queued, running = runwith.StateAccepted, runwith.StateQueued, runwith.StateRunning
	for name, test := range map[string]struct {
		overflow         Overflow
		slots            int
		waiting, holding []Record
		want             runwith.State
		code             runwith.Code
		moves            []string
	}{
		"unlimited":           {Queueing, 0, nil, []Record{in(1, running)}, accepted, runwith.OK, nil},
		"a free slot":         {Queueing, 2, nil, []Record{in(1, running)}, accepted, runwith.OK, nil},
		"full":                {Queueing, 1, nil, []Record{in(1, running)}, queued, runwith.OK, nil},
		"behind a queue":      {Queueing, 1, []Record{in(1, queued)}, nil, queued, runwith.OK, nil},
		"zero value queues":   {"", 1, nil, []Record{in(1, running)}, queued, runwith.OK, nil},
		"reject":              {Rejecting, 1, nil, []Record{in(1, running)}, accepted, runwith.Aborted, nil},
		"reject with room":    {Rejecting, 2, nil, []Record{in(1, running)}, accepted, runwith.OK, nil},
		"replace":             {Replacing, 1, nil, []Record{in(1, running)}, queued, runwith.OK, []string{"1 running +"}},
		"replace the oldest":  {Replacing, 2, nil, []Record{in(1, running), in(2, running)}, queued, runwith.OK, []string{"1 running +"}},
		"replace once":        {Replacing, 1, nil, []Record{in(1, running, wanted)}, queued, runwith.OK, nil},
		"replace a queue":     {Replacing, 1, []Record{in(1, accepted), in(2, queued)}, []Record{in(3, running)}, queued, runwith.OK, []string{"1 cancelled", "2 cancelled", "3 running +"}},
		"replace when unsure": {Replacing, 1, []Record{in(1, queued, searched)}, nil, queued, runwith.OK, []string{"1 queued +"}},
	} {
		a := Admission{Now: at(9), Overflow: test.overflow}
		r, moves, err := Admit(in(9, accepted, slots(test.slots)), a, test.waiting, test.holding)
		if runwith.CodeOf(err) != test.code || r.State != test.want {
			t.Errorf("%s: newcomer is %s, %v, want %s, %v", name, r.State, err, test.want, test.code)
		}
		if diff := cmp.Diff(test.moves, ends(moves)); diff != "" {
			t.Errorf("%s: moves (-want +got):\n%s", name, diff)
		}
		if parked := test.slots > 0 && len(test.holding) >= test.slots && err == nil; r.Parked != parked {
			t.Errorf("%s: parked = %t, want %t", name, r.Parked, parked)
		}
	}
}

func TestRepeats(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	newcomer := Record{Fingerprint: "job=a args=b"}
	for name, test := range map[string]struct {
		before Record
		after  time.Duration
		want   bool
		code   runwith.Code
	}{
		"while it runs":        {Record{Fingerprint: "job=a args=b", Invocation: runwith.Invocation{State: runwith.StateRunning}}, 1000 * day, true, runwith.OK},
		"within a week":        {Record{Fingerprint: "job=a args=b", Invocation: runwith.Invocation{State: runwith.StateFailed, Finished: at(1)}}, 7*day - time.Second, true, runwith.OK},
		"after a week":         {Record{Fingerprint: "job=a args=b", Invocation: runwith.Invocation{State: runwith.StateFailed, Finished: at(1)}}, 7 * day, false, runwith.OK},
		"a day after its end":  {Record{Fingerprint: "job=a args=b", Invocation: runwith.Invocation{State: runwith.StateFailed, Finished: at(0).Add(8 * day)}}, 9*day - time.Second, true, runwith.OK},
		"another request":      {Record{Fingerprint: "job=a args=c", Invocation: runwith.Invocation{State: runwith.StateRunning}}, day, false, runwith.AlreadyExists},
		"another, key expired": {Record{Fingerprint: "job=a args=c", Invocation: runwith.Invocation{State: runwith.StateFailed, Finished: at(1)}}, 8 * day, false, runwith.OK},
	} {
		test.before.Created = at(0)
		got, err := newcomer.Repeats(test.before, at(0).Add(test.after))
		if got != test.want || runwith.CodeOf(err) != test.code {
			t.Errorf("%s: Repeats = %t, %v, want %t, %v", name, got, err, test.want, test.code)
		}
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	const accepted = runwith.StateAccepted
	noSlot := func(r *Record) { r.Slot = "" }
	three := []Record{in(1, accepted, noSlot), in(2, accepted, noSlot), in(3, accepted, noSlot)}
	for name, test := range map[string]struct {
		take    Take
		buckets map[string]Bucket
		held    map[string]int
		due     []Record
		want    []string
		limit   int
		next    time.Time
		probing bool
	}{
		"all that is due":    {Take{Limit: 9}, nil, nil, three, []string{"1 starting", "2 starting", "3 starting"}, 9, time.Time{}, false},
		"a paused queue":     {Take{Limit: 9}, map[string]Bucket{"runs": {NotBefore: at(30), Failures: 1}}, nil, nil, nil, 0, at(30), true},
		"one after a pause":  {Take{Limit: 9}, map[string]Bucket{"runs": {NotBefore: at(5), Failures: 1}}, nil, three[:1], []string{"1 starting"}, 1, time.Time{}, true},
		"a quota":            {Take{Limit: 9, Quota: 30}, nil, nil, three, []string{"1 starting", "2 starting", "3 starting"}, 3, time.Time{}, false},
		"no token":           {Take{Limit: 9, Quota: 60}, map[string]Bucket{"runs": {Filled: at(10)}}, nil, nil, nil, 0, at(11).Add(90 * time.Millisecond), false},
		"a rate of a job":    {Take{Limit: 9, Rates: map[string]Quota{"report": 10}}, nil, nil, three, []string{"1 starting"}, 9, time.Time{}, false},
		"one free slot":      {Take{Limit: 9}, nil, map[string]int{"slot": 1}, []Record{in(1, accepted, slots(2)), in(2, accepted, slots(2)), three[2]}, []string{"1 starting", "3 starting"}, 9, time.Time{}, false},
		"slot held too much": {Take{Limit: 9}, nil, map[string]int{"slot": 2}, []Record{in(1, accepted, slots(1))}, nil, 9, time.Time{}, false},
		"its own limit":      {Take{Limit: 9}, nil, map[string]int{"slot": 2}, []Record{in(1, accepted, slots(1)), in(2, accepted, slots(3))}, []string{"2 starting"}, 9, time.Time{}, false},
	} {
		test.take.Now, test.take.Runs, test.take.Call = at(10), "runs", time.Minute
		plan := PlanTake(test.take, test.buckets)
		limit := plan.Limit
		moves, _ := plan.Choose(test.due, test.held)
		if diff := cmp.Diff(test.want, ends(moves)); diff != "" {
			t.Errorf("%s: moves (-want +got):\n%s", name, diff)
		}
		if limit != test.limit || plan.Probing != test.probing {
			t.Errorf("%s: limit %d, probing %t, want %d, %t", name, limit, plan.Probing, test.limit, test.probing)
		}
		if d := plan.Next.Sub(test.next); d > 100*time.Millisecond || d < -100*time.Millisecond {
			t.Errorf("%s: next = %v, want %v", name, plan.Next, test.next)
		}
		for _, m := range moves {
			if !m.To.Lease.Equal(at(70)) || m.To.Attempts != 1 {
				t.Errorf("%s: %s has lease %v after attempt %d, want it to end in a minute", name, m.To.ID, m.To.Lease, m.To.Attempts)
			}
		}
	}
}

// TestChooseBlocks names what a store need not load again.
func TestChooseBlocks(t *testing.T) {
	t.Parallel()
	plan := PlanTake(Take{Now: at(0), Limit: 9, Runs: "runs", Rates: map[string]Quota{"slow": 10, "report": 10, "quick": 10}},
		map[string]Bucket{RateBucket("slow"): {Filled: at(0)}})
	if !slices.Equal(plan.BlockedJobs, []string{"slow"}) {
		t.Errorf("blocked jobs = %v, want slow", plan.BlockedJobs)
	}
	if !plan.Next.After(at(0)) {
		t.Errorf("next = %v, want when the slow job has a token", plan.Next)
	}
	accepted := runwith.StateAccepted
	due := []Record{in(1, accepted, slots(1)), in(2, accepted, slots(2)), in(3, accepted)}
	moves, full := plan.Choose(due, map[string]int{"slot": 1})
	if diff := cmp.Diff([]string{"2 starting"}, ends(moves)); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
	if len(full) != 1 || full[0].ID != "1" {
		t.Errorf("to be parked = %+v, want the first", full)
	}
	if !slices.Equal(plan.BlockedJobs, []string{"slow", "report"}) || plan.Limit != 8 {
		t.Errorf("blocked jobs = %v, limit %d, want the one whose only token is gone, and 8", plan.BlockedJobs, plan.Limit)
	}
	spent := plan.Spent()
	if len(spent) != 1 || spent[0].Name != RateBucket("report") || spent[0].Tokens != 0 {
		t.Errorf("spent = %+v, want the job's only token", spent)
	}
}

func TestLapse(t *testing.T) {
	t.Parallel()
	lease := func(r *Record) { r.Lease = at(10) }
	rows := []Record{in(1, runwith.StateStarting, lease), in(2, runwith.StateStarting, lease, searched), in(3, runwith.StateRunning, lease)}
	if moves := Lapse(rows, at(9), time.Minute); len(moves) > 0 {
		t.Errorf("before the lease ends = %v, want nothing", ends(moves))
	}
	moves := Lapse(rows, at(10), time.Minute)
	if diff := cmp.Diff([]string{"1 starting"}, ends(moves)); diff != "" {
		t.Fatalf("when it ends (-want +got):\n%s", diff)
	}
	if to := moves[0].To; !to.SearchFrom.Equal(at(70)) || !to.WatchUntil.Equal(at(70).Add(WatchTwins)) {
		t.Errorf("searched from %v, watched until %v, want the settling delay after the lease, and an hour more", to.SearchFrom, to.WatchUntil)
	}
}

func TestRecover(t *testing.T) {
	t.Parallel()
	lease := func(r *Record) { r.Lease = at(10) }
	for name, test := range map[string]struct {
		row  Record
		want time.Time // search from; zero: no move
	}{
		"accepted":                  {in(1, runwith.StateAccepted, lease), at(20)},
		"queued, unchecked":         {in(1, runwith.StateQueued, unchecked), at(20)},
		"already searched, earlier": {in(1, runwith.StateAccepted, searched), at(20)},
		"already searched, later":   {in(1, runwith.StateAccepted, func(r *Record) { r.SearchFrom = at(50) }), at(50)},
		"being called":              {in(1, runwith.StateStarting, lease), at(70)},
		"outcome unknown":           {in(1, runwith.StateStarting, searched), time.Time{}},
		"running":                   {in(1, runwith.StateRunning), time.Time{}},
		"unresolved":                {in(1, runwith.StateUnresolved), time.Time{}},
		"ended":                     {in(1, runwith.StateSucceeded, left), time.Time{}},
	} {
		moves := Recover([]Record{test.row}, at(20), time.Minute)
		if test.want.IsZero() {
			if len(moves) > 0 {
				t.Errorf("%s: moves = %v, want none", name, ends(moves))
			}
			continue
		}
		if len(moves) != 1 || !moves[0].To.SearchFrom.Equal(test.want) || !moves[0].Legal() {
			t.Errorf("%s: moves = %+v, want a search from %v", name, moves, test.want)
			continue
		}
		if to := moves[0].To; to.Waiting() && !to.Lease.IsZero() {
			t.Errorf("%s: lease = %v, want it void", name, to.Lease)
		}
	}
}

func TestNotFound(t *testing.T) {
	t.Parallel()
	const accepted, starting, unresolved, cancelled = runwith.StateAccepted, runwith.StateStarting, runwith.StateUnresolved, runwith.StateCancelled
	uid := func(uid string) func(*Record) { return func(r *Record) { r.JobUID = uid } }
	lease := func(r *Record) { r.Lease = at(3600) } // its call began a minute before
	full := func(oldest time.Time) List { return List{Executions: Retained, Oldest: oldest, JobUID: "u"} }
	for name, test := range map[string]struct {
		row  Record
		list List
		past Past
		want runwith.State
	}{
		"called":                          {in(1, starting, lease, uid("u")), List{JobUID: "u"}, Past{}, accepted},
		"called, to be cancelled":         {in(1, starting, lease, uid("u"), wanted), List{JobUID: "u"}, Past{}, cancelled},
		"waiting":                         {in(1, accepted, uid("u")), List{JobUID: "u"}, Past{}, accepted},
		"waiting, to be cancelled":        {in(1, accepted, uid("u"), wanted), List{JobUID: "u"}, Past{}, cancelled},
		"called, job gone":                {in(1, starting, lease, uid("u")), List{JobGone: true}, Past{}, unresolved},
		"waiting, job gone":               {in(1, accepted, uid("u")), List{JobGone: true}, Past{Restored: true}, accepted},
		"called, job new":                 {in(1, starting, lease, uid("old")), List{JobUID: "u"}, Past{}, unresolved},
		"waiting, job new":                {in(1, accepted, uid("old")), List{JobUID: "u"}, Past{}, accepted},
		"waiting in a copy, job new":      {in(1, accepted, uid("old")), List{JobUID: "u"}, Past{Restored: true}, unresolved},
		"unchecked in a copy":             {in(1, accepted, unchecked), List{JobUID: "u"}, Past{Restored: true}, accepted},
		"a person said retry":             {in(1, accepted, uid(AnyJob)), full(at(9000)), Past{Restored: true}, accepted},
		"called, list full of newer ones": {in(1, starting, lease, uid("u")), full(at(3600)), Past{}, unresolved},
		"called, list reaches back":       {in(1, starting, lease, uid("u")), full(at(3539).Add(-ClockSkew)), Past{}, accepted},
		"waiting, list full of newer":     {in(1, accepted, uid("u")), full(at(9000)), Past{AsOf: at(7000)}, unresolved},
		"waiting, store is newer":         {in(1, accepted, uid("u")), full(at(9000)), Past{AsOf: at(9300)}, accepted},
		"waiting in a copy, list full":    {in(1, accepted, uid("u")), full(at(9000)), Past{AsOf: at(9000), Restored: true}, unresolved},
	} {
		test.past.Call = time.Minute
		test.row.SearchFrom = at(5)
		got := NotFound(test.row, test.list, test.past, at(10000))
		if got.State != test.want {
			t.Errorf("%s: state = %s (%+v), want %s", name, got.State, got.Error, test.want)
		}
		if !got.SearchFrom.IsZero() || !(Move{test.row, got}).Legal() {
			t.Errorf("%s: search from %v, want it over by a legal move", name, got.SearchFrom)
		}
		if test.want == unresolved && (!strings.Contains(got.Error.Message, Marker+"=1") || !strings.Contains(got.Error.Message, "resolve 1`")) {
			t.Errorf("%s: message = %q, want the marker and the command", name, got.Error.Message)
		}
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		row     Record
		want    runwith.State
		changed bool
	}{
		"waiting":             {in(1, runwith.StateQueued), runwith.StateCancelled, true},
		"waiting, searched":   {in(1, runwith.StateAccepted, searched), runwith.StateAccepted, true},
		"starting":            {in(1, runwith.StateStarting), runwith.StateStarting, true},
		"running":             {in(1, runwith.StateRunning), runwith.StateRunning, true},
		"asked before":        {in(1, runwith.StateRunning, wanted), runwith.StateRunning, false},
		"ended":               {in(1, runwith.StateFailed, left), runwith.StateFailed, false},
		"unresolved":          {in(1, runwith.StateUnresolved), runwith.StateUnresolved, true},
		"unresolved and left": {in(1, runwith.StateUnresolved, left), runwith.StateUnresolved, false},
	} {
		got, changed := Cancel(test.row, at(7))
		if got.State != test.want || changed != test.changed {
			t.Errorf("%s: Cancel = %s, changed %t, want %s, %t", name, got.State, changed, test.want, test.changed)
		}
		if changed && (!got.CancelRequested.Equal(at(7)) || !(Move{test.row, got}).Legal()) {
			t.Errorf("%s: cancel requested at %v, want it noted by a legal move", name, got.CancelRequested)
		}
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	const unresolved = runwith.StateUnresolved
	for name, test := range map[string]struct {
		row      Record
		decision Decision
		want     runwith.State
		code     runwith.Code
	}{
		"retry":                  {in(1, unresolved), Retry, runwith.StateAccepted, runwith.OK},
		"leave":                  {in(1, unresolved), Leave, unresolved, runwith.OK},
		"leave what was started": {in(1, unresolved, executed), Leave, unresolved, runwith.OK},
		"retry what was started": {in(1, unresolved, executed), Retry, unresolved, runwith.FailedPrecondition},
		"retry a cancelled one":  {in(1, unresolved, wanted), Retry, unresolved, runwith.FailedPrecondition},
		"leave twice":            {in(1, unresolved, left), Leave, unresolved, runwith.FailedPrecondition},
		"retry what runs":        {in(1, runwith.StateRunning), Retry, runwith.StateRunning, runwith.FailedPrecondition},
	} {
		got, err := Resolve(test.row, test.decision, at(7))
		if got.State != test.want || runwith.CodeOf(err) != test.code {
			t.Errorf("%s: Resolve = %s, %v, want %s, %v", name, got.State, err, test.want, test.code)
		}
		if err != nil || test.decision != Retry {
			continue
		}
		if got.JobUID != AnyJob {
			t.Errorf("%s: job UID = %q, want %q: one more search that may find nothing", name, got.JobUID, AnyJob)
		}
		if !got.SearchFrom.Equal(at(7)) {
			t.Errorf("%s: search from %v, want %v", name, got.SearchFrom, at(7))
		}
	}
	if err := Decision("maybe").Validate(); runwith.CodeOf(err) != runwith.InvalidArgument {
		t.Errorf("Validate of another decision = %v, want INVALID_ARGUMENT", err)
	}
}

func TestRebuilt(t *testing.T) {
	t.Parallel()
	accepted := in(1, runwith.StateAccepted)
	accepted.Owner, accepted.Key, accepted.Fingerprint = "owner", "key", "job=a"
	b := Bearer{ID: "1", Job: "report", Execution: "e", Created: at(5), Passport: ReadPassport(accepted.Passport()),
		Status: Status{State: runwith.StateSucceeded, Finished: at(9)}}
	got := Rebuilt(b, at(10), time.Minute)
	for _, field := range []struct{ name, got, want string }{
		{"owner", got.Owner, "owner"}, {"key", got.Key, "key"}, {"fingerprint", got.Fingerprint, "job=a"}, {"slot", got.Slot, "slot"},
	} {
		if field.got != field.want {
			t.Errorf("Rebuilt: %s = %q, want that of its passport, %q", field.name, field.got, field.want)
		}
	}
	if !got.Created.Equal(at(0)) {
		t.Errorf("Rebuilt: created = %v, want that of its passport, %v", got.Created, at(0))
	}
	if got.State != runwith.StateSucceeded || got.Execution != "e" || !got.Finished.Equal(at(9)) {
		t.Errorf("Rebuilt = %+v, want it ended with its execution", got)
	}
	if want := at(70).Add(WatchTwins); !got.WatchUntil.Equal(want) {
		t.Errorf("watched until %v, want %v: it may be one of two", got.WatchUntil, want)
	}
	b.Passport = Passport{}
	if got := Rebuilt(b, at(5).Add(2*WatchTwins), time.Minute); !got.Created.Equal(at(5)) || got.Key != "" || !got.WatchUntil.IsZero() {
		t.Errorf("Rebuilt without a passport = %+v, want the execution's time and no key", got)
	}
}
