package invoker

import (
	"context"
	"iter"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cloudrun"
)

// cloud is a Cloud Run that answers as a test wants. What a func is nil for
// succeeds: a job with one container, executions that run for ever. It stands in
// for the network: it can lose answers, which no server can be asked to do.
type cloud struct {
	run       func(ctx context.Context, n int) (*runpb.Execution, error) // n: calls before
	job       func(id string) (*runpb.Job, error)
	execution func(name string) (*runpb.Execution, error)
	log       func(after cloudrun.Cursor) ([]runwith.LogLine, cloudrun.Cursor, error)

	mu       sync.Mutex
	runs     []*runpb.RunJobRequest_Overrides // of the calls that arrived
	underWay int
	most     int // most calls under way at once
}

func (c *cloud) Run(ctx context.Context, job string, o *runpb.RunJobRequest_Overrides) (*runpb.Execution, error) {
	c.mu.Lock()
	n := len(c.runs)
	c.runs = append(c.runs, o)
	c.underWay++
	c.most = max(c.most, c.underWay)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.underWay--
	}()
	if c.run != nil {
		return c.run(ctx, n)
	}
	return &runpb.Execution{Name: executionOf(job, markerOf(o)), TaskCount: 1}, nil
}

func (c *cloud) Job(_ context.Context, id string) (*runpb.Job, error) {
	if c.job != nil {
		return c.job(id)
	}
	return jobOf(id, &runpb.Container{Image: "report:1"}), nil
}

func (c *cloud) Jobs(ctx context.Context) iter.Seq2[*runpb.Job, error] {
	return func(yield func(*runpb.Job, error) bool) {
		yield(c.Job(ctx, "report"))
	}
}

func (c *cloud) Execution(_ context.Context, name string) (*runpb.Execution, error) {
	if c.execution != nil {
		return c.execution(name)
	}
	return &runpb.Execution{Name: name, TaskCount: 1, RunningCount: 1}, nil
}

func (c *cloud) LogEntries(_ context.Context, _ string, after cloudrun.Cursor) ([]runwith.LogLine, cloudrun.Cursor, error) {
	if c.log != nil {
		return c.log(after)
	}
	return nil, after, nil
}

// calls returns how many calls of Run arrived.
func (c *cloud) calls() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.runs)
}

// markers returns the marker of each call.
func (c *cloud) markers() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var markers []string
	for _, o := range c.runs {
		markers = append(markers, markerOf(o))
	}
	return markers
}

func markerOf(o *runpb.RunJobRequest_Overrides) string {
	for _, c := range o.GetContainerOverrides() {
		for _, v := range c.GetEnv() {
			if v.GetName() == Marker {
				return v.GetValue()
			}
		}
	}
	return ""
}

func jobOf(id string, containers ...*runpb.Container) *runpb.Job {
	return &runpb.Job{
		Name:     "projects/demo/locations/us-east4/jobs/" + id,
		Template: &runpb.ExecutionTemplate{TaskCount: 1, Template: &runpb.TaskTemplate{Containers: containers}},
	}
}

// executionOf returns a name of its own for each marker.
func executionOf(job, marker string) string {
	return "projects/demo/locations/us-east4/jobs/" + job + "/executions/" + job + "-" + marker
}

// end makes an execution that has ended.
func end(name string, state runpb.Condition_State, change func(*runpb.Execution)) *runpb.Execution {
	e := &runpb.Execution{Name: name, TaskCount: 1, Conditions: []*runpb.Condition{{Type: "Completed", State: state, Message: "why"}}}
	change(e)
	return e
}

func success(name string) *runpb.Execution {
	return end(name, runpb.Condition_CONDITION_SUCCEEDED, func(e *runpb.Execution) { e.SucceededCount = 1 })
}

// open opens an invoker in a folder of its own and closes it with the test.
func open(t *testing.T, c *cloud) *Invoker {
	t.Helper()
	return reopen(t, c, filepath.Join(t.TempDir(), "invoker.db"))
}

func reopen(t *testing.T, c *cloud, path string) *Invoker {
	t.Helper()
	v, err := Open(t.Context(), Config{Path: path, CloudRun: c, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("Open() = %v", err)
	}
	t.Cleanup(func() {
		if v.closing.Err() == nil {
			closeInvoker(t, v)
		}
	})
	return v
}

func closeInvoker(t *testing.T, v *Invoker) {
	t.Helper()
	if err := v.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
}

func invoke(t *testing.T, v *Invoker, o runwith.Overrides) runwith.Invocation {
	t.Helper()
	i, err := v.Invoke(t.Context(), "report", o)
	if err != nil {
		t.Fatalf("Invoke() = %v", err)
	}
	return i
}

// in runs a test with a clock of its own.
func in(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

// wait waits for the invocation to settle, an hour of the test's clock at most.
func wait(t *testing.T, v *Invoker, id string) runwith.Invocation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	i, err := v.Wait(ctx, id)
	if err != nil {
		t.Fatalf("Wait(%q) = %+v, %v", id, i, err)
	}
	return i
}

// until waits for the invocation to reach one of the states.
func until(t *testing.T, v *Invoker, id string, states ...runwith.State) runwith.Invocation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	i, err := v.waitUntil(ctx, id, func(i runwith.Invocation) bool { return slices.Contains(states, i.State) })
	if err != nil {
		t.Fatalf("invocation %+v does not become %v: %v", i, states, err)
	}
	return i
}
