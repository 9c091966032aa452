package invoker

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// circling is a Cloud Run whose list of executions repeats a token.
type circling struct {
	*cloud
	reads atomic.Int64
}

func (c *circling) ExecutionPage(context.Context, string, string) ([]*runpb.Execution, string, error) {
	if c.reads.Add(1)%1000 == 0 {
		return nil, "", nil
	}
	return nil, "again", nil
}

// TestListInACircle searches for a lost execution. A list that has no end proves nothing.
func TestListInACircle(t *testing.T) {
	in(t, func(t *testing.T) {
		lost := &cloud{run: func(context.Context, int, func() *runpb.Execution) (*runpb.Execution, error) {
			return nil, runwith.Errorf(runwith.Unavailable, "why")
		}}
		c := &circling{cloud: lost}
		v := open(t, lost, func(config *Config) { config.CloudRun, config.Rebuild = c, RebuildNever })
		i := invoke(t, v, runwith.Overrides{})
		time.Sleep(5 * time.Minute)
		if got := now(t, v, i.ID); got.State != runwith.StateStarting {
			t.Errorf("state = %v, want %v", got.State, runwith.StateStarting)
		}
		if n := c.reads.Load(); n == 0 || n > 500 {
			t.Errorf("the list was read %d times, want a few times a minute", n)
		}
	})
}

// heavy returns an execution with the marker of an invocation and an argument of n bytes.
func heavy(name, id string, n int) *runpb.Execution {
	return &runpb.Execution{Name: name, Template: &runpb.TaskTemplate{Containers: []*runpb.Container{{
		Args: []string{strings.Repeat("x", n)}, Env: []*runpb.EnvVar{variable(Marker, id), variable("OTHER", "value"), variable(ledger.RecordMarker, "record")},
	}}}}
}

// TestRoundKeepsFewBytes checks that a running execution without room is left out, and that a
// search that has no room fails, because its list would seem to show too few executions.
func TestRoundKeepsFewBytes(t *testing.T) {
	t.Parallel()
	const id = "0197a0de-0000-7000-8000-000000000000"
	running, searched := ledger.Record{}, ledger.Record{SearchFrom: time.Now()}
	running.ID, running.Execution, searched.ID = "running", "own", id
	r := newRound(&poller{job: "report", now: time.Now, counts: map[string]countFrom{}}, []ledger.Record{running, searched})
	page := []*runpb.Execution{heavy("own", "running", maxKept/2)}
	if err := r.see(page); err != nil || len(r.seen) != 1 {
		t.Errorf("see() = %v with %d executions of running rows, want 1", err, len(r.seen))
	}
	clear(r.seen)
	if err := r.see(page); err != nil || len(r.seen) != 0 {
		t.Errorf("see() without room = %v with %d executions of running rows, want none", err, len(r.seen))
	}
	if err := r.see([]*runpb.Execution{heavy("found", id, 1)}); runwith.CodeOf(err) != runwith.Internal {
		t.Errorf("see() of a searched execution without room = %v, want INTERNAL", err)
	}
}

// TestRebuildKeepsFewBytes checks that a rebuild keeps the markers of an execution, and has a bound.
func TestRebuildKeepsFewBytes(t *testing.T) {
	t.Parallel()
	m := marked{of: map[string][]*runpb.Execution{}, target: map[string]string{}}
	if err := m.add("id", heavy("jobs/report/executions/a", "id", 1000), "-"); err != nil {
		t.Fatal(err)
	}
	e := m.of["id"][0]
	if got := environment(e, ledger.Marker) + environment(e, "OTHER") + environment(e, ledger.RecordMarker); got != "idrecord" {
		t.Errorf("variables of a kept execution = %q, want those of the markers", got)
	}
	if m.bytes == 0 || m.bytes > 500 {
		t.Errorf("a kept execution has %d bytes, want few", m.bytes)
	}
	m.bytes = maxMarked
	if err := m.add("id", heavy("jobs/report/executions/b", "id", 1), "-"); runwith.CodeOf(err) != runwith.Internal {
		t.Errorf("add() without room = %v, want INTERNAL", err)
	}
}
