package ledger

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
)

// walk makes moves one after the other, a second apart, and returns the row after them.
func walk(t *testing.T, r Record, moves ...func(Record, time.Time) Record) Record {
	t.Helper()
	for n, to := range moves {
		now := r.Created.Add(time.Duration(n+1) * time.Second)
		m := Move{r, to(r, now)}
		if !m.Legal() {
			t.Fatalf("move %d from %s to %s is not legal", n, r.State, m.To.State)
		}
		r = m.Made(now)
	}
	return r
}

// told returns the steps of a record, one a line, with their seconds since the acceptance.
func told(r Record) string {
	var lines []string
	for _, s := range r.Steps() {
		line := fmt.Sprintf("%s %v %s", s.State, s.At.Sub(r.Created).Seconds(), s.For)
		if line = strings.TrimSuffix(line, " "); s.Message != "" {
			line += ": " + s.Message
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func accepted() Record {
	return Record{Invocation: runwith.Invocation{
		ID: "a", Job: "report", State: runwith.StateAccepted, Created: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC),
	}, Checked: true}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	starting := func(r Record, now time.Time) Record { return r.Starting(now) }
	adopted := func(r Record, _ time.Time) Record { return r.Adopted("e", Status{State: runwith.StateRunning}) }
	failed := func(r Record, now time.Time) Record {
		return r.Observed(Status{State: runwith.StateFailed, Error: &runwith.Failure{Message: "boom"}}, now)
	}
	queued, held, later := accepted(), accepted(), accepted()
	queued.State, queued.Slot, queued.SlotLimit = runwith.StateQueued, "key of acme", 1
	held.State, held.Budget = runwith.StateQueued, "all"
	later.StartAt = later.Created.Add(time.Hour)
	for name, test := range map[string]struct {
		from  Record
		moves []func(Record, time.Time) Record
		want  string
	}{
		"accepted":    {accepted(), nil, "accepted 0"},
		"to the end":  {accepted(), []func(Record, time.Time) Record{starting, adopted, failed}, "accepted 0\nstarting 1\nrunning 2\nfailed 3"},
		"behind slot": {queued, []func(Record, time.Time) Record{starting}, "accepted 0\nqueued 0\nstarting 1 slot"},
		"parked": {accepted(), []func(Record, time.Time) Record{
			func(r Record, now time.Time) Record { return r.Parking(now) }, starting,
		}, "accepted 0\nstarting 2 slot"},
		"behind budget": {held, []func(Record, time.Time) Record{
			func(r Record, _ time.Time) Record { r.Month, r.Budget = 202603, ""; return r }, starting,
		}, "accepted 0\nqueued 0\nstarting 2 budget"},
		"cancelled asleep": {later, []func(Record, time.Time) Record{
			func(r Record, now time.Time) Record { return r.Cancelled(now, nil) },
		}, "accepted 0\ncancelled 1 start"},
		"not taken": {accepted(), []func(Record, time.Time) Record{
			starting, func(r Record, now time.Time) Record { return r.Returned(now).Because(errors.New("no\nanswer")) }, starting,
		}, "accepted 0\nstarting 1\naccepted 2: no answer\nstarting 3 cloud-run"},
		"searched": {accepted(), []func(Record, time.Time) Record{
			starting, func(r Record, _ time.Time) Record { return r.Unknown(time.Second) }, adopted,
		}, "accepted 0\nstarting 1\nrunning 3 search"},
		"unresolved": {accepted(), []func(Record, time.Time) Record{
			starting, func(r Record, _ time.Time) Record { return r.Unresolved(errors.New("x"), "look") },
			func(r Record, now time.Time) Record { return r.retried(now) },
		}, "accepted 0\nstarting 1\nunresolved 2: look\naccepted 3"},
	} {
		if diff := cmp.Diff(test.want, told(walk(t, test.from, test.moves...))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestHistoryNamesBuckets takes a record that was ready while a bucket was empty.
func TestHistoryNamesBuckets(t *testing.T) {
	t.Parallel()
	r := accepted()
	now := r.Created.Add(30 * time.Second)
	empty := func(name string) map[string]Bucket { return map[string]Bucket{name: {Name: name, Filled: r.Created}} }
	paused := map[string]Bucket{"runs": {Name: "runs", Failures: 1, NotBefore: r.Created.Add(time.Second)}}
	take := Take{Now: now, Limit: 1, Runs: "runs"}
	limited, quota := take, take
	limited.Rates, quota.Quota = map[string]Quota{"report": 10}, 10
	for want, test := range map[runwith.Hold]struct {
		take    Take
		buckets map[string]Bucket
	}{
		"": {limited, nil}, runwith.HoldRate: {limited, empty(RateBucket("report"))}, runwith.HoldQuota: {quota, empty("runs")},
		runwith.HoldCloudRun: {take, paused},
	} {
		moves, _ := PlanTake(test.take, test.buckets).Choose([]Record{r}, nil)
		if len(moves) != 1 {
			t.Fatalf("%q: %d moves, want 1", want, len(moves))
		}
		if steps := moves[0].Made(now).Steps(); steps[1].For != want {
			t.Errorf("held by %q, want %q", steps[1].For, want)
		}
	}
	buckets := empty(RateBucket("report"))
	r.Created = now.Add(-time.Second) // after the bucket had a token again
	if moves, _ := PlanTake(limited, buckets).Choose([]Record{r}, nil); moves[0].To.HeldBy != "" {
		t.Errorf("a later record is held by %q, want nothing", moves[0].To.HeldBy)
	}
}

// TestHistoryIsBounded keeps the acceptance and the latest steps, whatever a message has.
func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	r := accepted()
	for n := range 50 {
		r = walk(t, r, func(r Record, now time.Time) Record { return r.Starting(now) }, func(r Record, now time.Time) Record {
			return r.Returned(now).Because(errors.New(strings.Repeat("\xff\n- 0 slot é", n*100)))
		})
	}
	steps := r.Steps()
	if len(steps) != MostSteps || !steps[0].At.Equal(r.Created) || steps[MostSteps-1].State != runwith.StateAccepted {
		t.Errorf("%d steps from %+v to %+v, want %d from the acceptance", len(steps), steps[0], steps[len(steps)-1], MostSteps)
	}
	if most := MostSteps * (longestReason + 64); len(r.Trail) > most {
		t.Errorf("trail has %d bytes, want at most %d", len(r.Trail), most)
	}
}

// TestHistoryOfEarlierVersions derives the steps of rows that have none, and goes on from them.
func TestHistoryOfEarlierVersions(t *testing.T) {
	t.Parallel()
	r := accepted()
	r.State, r.Started = runwith.StateRunning, r.Created.Add(time.Second)
	if got, want := told(r), "accepted 0\nrunning 1"; got != want {
		t.Errorf("running row:\n%s\nwant\n%s", got, want)
	}
	now := r.Created.Add(5 * time.Second)
	r = Move{r, r.Observed(Status{State: runwith.StateSucceeded, Started: r.Started}, now)}.Made(now)
	if got, want := told(r), "accepted 0\nrunning 1\nsucceeded 5"; got != want {
		t.Errorf("after its end:\n%s\nwant\n%s", got, want)
	}
	r.Trail = ""
	if got, want := told(r), "accepted 0\nrunning 1\nsucceeded 5"; got != want {
		t.Errorf("ended row:\n%s\nwant\n%s", got, want)
	}
}
