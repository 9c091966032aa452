package invoker

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// cloud is a Cloud Run that behaves as a test wants. By default it has every job, with
// one container, and executions that run for ever. It stands in for the network: it can
// lose answers and show executions late, which no real server does on request.
type cloud struct {
	// run answers a call instead of the default, which starts an execution and returns
	// it; n is how many calls came before. start starts one.
	run       func(ctx context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error)
	job       func(id string) (*runpb.Job, error)
	execution func(name string) (*runpb.Execution, error)
	page      func(n int) error // n: pages read before
	cancelled func(name string) error
	tasks     func(execution, token string) ([]*runpb.Task, string, error)
	stderr    func(execution string, task, attempt int) ([]string, error)
	log       func(after cloudrun.Cursor) ([]runwith.LogLine, cloudrun.Cursor, error)
	holds     bool          // AwaitEnd holds requests; otherwise it is not implemented
	hold      time.Duration // how long it holds them at most; 0: as long as it is asked to
	life      time.Duration // an execution succeeds after that; 0: it runs for ever
	late      time.Duration // a list shows an execution after that
	pageSize  int           // 0: one page for all
	slot      ledger.Slot   // of requests by [ask]

	mu       sync.Mutex
	got      traffic // tests read it with seen
	underWay int
	names    map[string]int
}

// traffic has the requests that a cloud got, and the executions that they started.
type traffic struct {
	started  []*runpb.Execution
	ended    map[string]time.Time             // by execution: when it was cancelled
	runs     []*runpb.RunJobRequest_Overrides // of the calls of Run
	times    []time.Time                      // when they came
	most     int                              // most of them that were out at once
	cancels  []string                         // names of executions
	jobReads int
	gets     int
	pages    int
	held     int // requests that AwaitEnd held
}

func (c *cloud) Run(ctx context.Context, job string, o *runpb.RunJobRequest_Overrides) (cloudrun.Run, error) {
	e, err := c.answer(ctx, job, o)
	if err != nil {
		return cloudrun.Run{}, err
	}
	return cloudrun.Run{Execution: e, Operation: "operation of " + e.GetName()}, nil
}

// AwaitEnd holds a request until the execution has ended.
func (c *cloud) AwaitEnd(ctx context.Context, operation string, hold time.Duration) (*runpb.Execution, error) {
	if !c.holds {
		return nil, runwith.Errorf(runwith.Unimplemented, "why")
	}
	c.mu.Lock()
	c.got.held++
	c.mu.Unlock()
	if c.hold > 0 {
		hold = min(hold, c.hold)
	}
	name := strings.TrimPrefix(operation, "operation of ")
	for began := time.Now(); ; {
		c.mu.Lock()
		i := slices.IndexFunc(c.got.started, func(e *runpb.Execution) bool { return e.GetName() == name })
		e := c.now(c.got.started[i])
		c.mu.Unlock()
		if cloudrun.StatusOf(e).State.Terminal() || time.Since(began) >= hold {
			return e, nil
		}
		select {
		case <-time.After(min(time.Second, max(10*time.Millisecond, time.Until(e.GetCreateTime().AsTime().Add(c.life))))):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (c *cloud) answer(ctx context.Context, job string, o *runpb.RunJobRequest_Overrides) (*runpb.Execution, error) {
	c.mu.Lock()
	n := len(c.got.runs)
	c.got.runs, c.got.times = append(c.got.runs, o), append(c.got.times, time.Now())
	c.underWay++
	c.got.most = max(c.got.most, c.underWay)
	run := c.run
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.underWay--
	}()
	start := func() *runpb.Execution { return c.start(job, o) }
	if run != nil {
		return run(ctx, n, start)
	}
	return start(), nil
}

// start starts an execution. The second one of an invocation has its number in its name.
func (c *cloud) start(job string, o *runpb.RunJobRequest_Overrides) *runpb.Execution {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := executionOf(job, markerOf(o))
	if c.names == nil {
		c.names = map[string]int{}
	}
	if c.names[name]++; c.names[name] > 1 {
		name += "-" + strconv.Itoa(c.names[name])
	}
	e := &runpb.Execution{
		Name: name, Job: job, TaskCount: 1, RunningCount: 1, CreateTime: timestamppb.New(time.Now()),
		Template: &runpb.TaskTemplate{Containers: []*runpb.Container{{}}},
	}
	for _, override := range o.GetContainerOverrides() {
		e.Template.Containers[0].Env = append(e.Template.Containers[0].Env, override.GetEnv()...)
	}
	c.got.started = append(c.got.started, e)
	return proto.CloneOf(e)
}

func (c *cloud) Job(_ context.Context, id string) (*runpb.Job, error) {
	c.mu.Lock()
	c.got.jobReads++
	job := c.job
	c.mu.Unlock()
	if job != nil {
		return job(id)
	}
	return jobOf(id, &runpb.Container{Image: "report:1"}), nil
}

func (c *cloud) Jobs(ctx context.Context) iter.Seq2[*runpb.Job, error] {
	return func(yield func(*runpb.Job, error) bool) {
		yield(c.Job(ctx, "report"))
	}
}

func (c *cloud) Execution(_ context.Context, name string) (*runpb.Execution, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got.gets++
	if c.execution != nil {
		return c.execution(name)
	}
	for _, e := range c.got.started {
		if e.GetName() == name {
			return c.now(e), nil
		}
	}
	return nil, runwith.Errorf(runwith.NotFound, "no execution %s", name)
}

// ExecutionPage lists executions, newest first.
func (c *cloud) ExecutionPage(_ context.Context, job, token string) (page []*runpb.Execution, next string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got.pages++
	if c.page != nil {
		if err := c.page(c.got.pages - 1); err != nil {
			return nil, "", err
		}
	}
	for _, e := range slices.Backward(c.got.started) {
		if listed(e, job) && time.Since(e.GetCreateTime().AsTime()) >= c.late {
			page = append(page, e)
		}
	}
	from, _ := strconv.Atoi(token)
	page = page[min(from, len(page)):]
	if c.pageSize > 0 && len(page) > c.pageSize {
		page, next = page[:c.pageSize], strconv.Itoa(from+c.pageSize)
	}
	for i, e := range page {
		page[i] = c.now(e)
	}
	return page, next, nil
}

// listed reports whether a list of the job shows the execution. The job may be "-".
func listed(e *runpb.Execution, job string) bool {
	name := resourceName(job)
	return path.Dir(path.Dir(e.GetName())) == name || path.Base(name) == "-" && strings.HasPrefix(e.GetName(), path.Dir(name)+"/")
}

// resourceName returns the resource name of a job, which may be one already.
func resourceName(job string) string {
	if strings.Contains(job, "/") {
		return job
	}
	return "projects/demo/locations/us-east4/jobs/" + job
}

// now returns a copy of an execution as it is at this time.
func (c *cloud) now(e *runpb.Execution) *runpb.Execution {
	e = proto.CloneOf(e)
	if c.execution != nil {
		if now, err := c.execution(e.GetName()); err == nil {
			proto.Merge(e, now)
		}
		return e
	}
	if _, cancelled := c.got.ended[e.GetName()]; cancelled {
		e.RunningCount, e.CancelledCount = 0, 1
		e.Conditions = []*runpb.Condition{{Type: "Completed", State: runpb.Condition_CONDITION_FAILED,
			Reasons: &runpb.Condition_ExecutionReason_{ExecutionReason: runpb.Condition_CANCELLED}}}
	} else if c.life > 0 && time.Since(e.GetCreateTime().AsTime()) >= c.life {
		e.RunningCount, e.SucceededCount = 0, 1
		e.Conditions = []*runpb.Condition{{Type: "Completed", State: runpb.Condition_CONDITION_SUCCEEDED}}
	}
	return e
}

func (c *cloud) CancelExecution(_ context.Context, name string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got.cancels = append(c.got.cancels, name)
	if c.cancelled != nil {
		if err := c.cancelled(name); err != nil {
			return "", err
		}
	}
	if c.got.ended == nil {
		c.got.ended = map[string]time.Time{}
	}
	c.got.ended[name] = time.Now()
	return "operation", nil
}

func (c *cloud) TaskPage(_ context.Context, execution, token string) ([]*runpb.Task, string, error) {
	c.mu.Lock()
	tasks := c.tasks
	c.mu.Unlock()
	if tasks == nil {
		return nil, "", runwith.Errorf(runwith.Unimplemented, "why")
	}
	return tasks(execution, token)
}

func (c *cloud) Stderr(_ context.Context, execution string, task, attempt int) ([]string, error) {
	if c.stderr == nil {
		return nil, runwith.Errorf(runwith.Unimplemented, "why")
	}
	return c.stderr(execution, task, attempt)
}

func (c *cloud) LogEntries(_ context.Context, _ string, after cloudrun.Cursor) ([]runwith.LogLine, cloudrun.Cursor, error) {
	if c.log != nil {
		return c.log(after)
	}
	return nil, after, nil
}

func (c *cloud) LastLines(context.Context, string, *cloudrun.LastLines) (bool, error) {
	return false, runwith.Errorf(runwith.Unimplemented, "why")
}

// change changes what the cloud does while an invoker uses it.
func (c *cloud) change(how func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	how()
}

// seen returns a copy of the traffic so far.
func (c *cloud) seen() traffic {
	c.mu.Lock()
	defer c.mu.Unlock()
	got := c.got
	got.runs, got.times, got.cancels = slices.Clone(got.runs), slices.Clone(got.times), slices.Clone(got.cancels)
	got.started, got.ended = slices.Clone(got.started), maps.Clone(got.ended)
	for i, e := range got.started {
		got.started[i] = proto.CloneOf(e)
	}
	return got
}

// calls returns how many calls of Run arrived.
func (c *cloud) calls() int { return len(c.seen().runs) }

// reads returns how many reads of executions arrived.
func (c *cloud) reads() int {
	got := c.seen()
	return got.gets + got.pages
}

// executions returns how many executions each invocation has.
func (c *cloud) executions() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	count := map[string]int{}
	for _, e := range c.got.started {
		id, _ := bornBy(e)
		count[id]++
	}
	return count
}

// markers returns the marker of each call.
func (c *cloud) markers() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var markers []string
	for _, o := range c.got.runs {
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
		Name: resourceName(id), Uid: "uid-of-" + id,
		Template: &runpb.ExecutionTemplate{TaskCount: 1, Template: &runpb.TaskTemplate{Containers: containers}},
	}
}

// executionOf returns the name of the execution with the marker.
func executionOf(job, marker string) string {
	return resourceName(job) + "/executions/" + path.Base(job) + "-" + marker
}

// end returns an execution that has ended.
func end(name string, state runpb.Condition_State, change func(*runpb.Execution)) *runpb.Execution {
	e := &runpb.Execution{Name: name, TaskCount: 1, Conditions: []*runpb.Condition{{Type: "Completed", State: state, Message: "why"}}}
	change(e)
	return e
}

func success(name string) *runpb.Execution {
	return end(name, runpb.Condition_CONDITION_SUCCEEDED, func(e *runpb.Execution) { e.SucceededCount = 1 })
}

// open opens an invoker in a folder of its own and closes it with the test.
func open(t *testing.T, c *cloud, change ...func(*Config)) *Invoker {
	t.Helper()
	return reopen(t, c, filepath.Join(t.TempDir(), "invoker.db"), change...)
}

func reopen(t *testing.T, c *cloud, path string, change ...func(*Config)) *Invoker {
	t.Helper()
	return inSQLite(path).open(t, c, change...)
}

// open opens an invoker on the rows of a house, and closes it with the test.
func (h house) open(t *testing.T, c *cloud, change ...func(*Config)) *Invoker {
	t.Helper()
	config := Config{Store: h.store(t), CloudRun: c, Logger: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&config)
	}
	v, err := Open(t.Context(), config)
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
	if err := errors.Join(v.Close(), v.store.Close()); err != nil {
		t.Errorf("Close() = %v", err)
	}
}

// asks returns a request to which no policy applies.
func asks(job, key string, o runwith.Overrides) Request {
	asked := runwith.Request{Overrides: o}
	return Request{Job: job, Key: key, Asked: asked, Terms: Unrestricted(asked)}
}

// ask returns a request for the job report with the slot of the test.
func ask(v *Invoker, key string, o runwith.Overrides) Request {
	q := asks("report", key, o)
	if c, bare := v.cloud.(*cloud); bare {
		q.Terms.Slot = c.slot
	}
	return q
}

func invoke(t *testing.T, v *Invoker, o runwith.Overrides) runwith.Invocation {
	t.Helper()
	i, replayed, err := v.Invoke(t.Context(), ask(v, "", o))
	if err != nil || replayed {
		t.Fatalf("Invoke() = replayed %v, %v", replayed, err)
	}
	return i
}

// called opens an invoker and invokes the job, and returns when the call to Cloud Run
// has ended or hangs. It works only below in.
func called(t *testing.T, c *cloud) (v *Invoker, id string) {
	t.Helper()
	v = open(t, c)
	<-v.Rebuilt()
	id = invoke(t, v, runwith.Overrides{}).ID
	until(t, v, id, runwith.StateStarting)
	synctest.Wait()
	return v, id
}

// invokeN invokes the job a number of times, and returns the IDs in order.
func invokeN(t *testing.T, v *Invoker, n int) []string {
	t.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = invoke(t, v, runwith.Overrides{Env: map[string]string{"N": fmt.Sprint(i)}}).ID
	}
	return ids
}

// in runs a test with a fake clock.
func in(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

// wait waits until the invocation has settled, for a day of the fake clock at most.
func wait(t *testing.T, v *Invoker, id string) runwith.Invocation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
	defer cancel()
	i, err := v.Wait(ctx, id)
	if err != nil {
		t.Fatalf("Wait(%q) = %+v, %v", id, i, err)
	}
	return i
}

// until waits until the invocation is in one of the states.
func until(t *testing.T, v *Invoker, id string, states ...runwith.State) runwith.Invocation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
	defer cancel()
	i, err := v.waitUntil(ctx, id, func(i runwith.Invocation) bool { return slices.Contains(states, i.State) })
	if err != nil {
		t.Fatalf("invocation %+v does not become %v: %v", i, states, err)
	}
	return i
}

// now returns the invocation as it is.
func now(t *testing.T, v *Invoker, id string) runwith.Invocation {
	t.Helper()
	i, err := v.Invocation(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return i
}
