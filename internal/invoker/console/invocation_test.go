package console_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/api"
	"github.com/runwith/runwith/internal/invoker/callback"
	"github.com/runwith/runwith/internal/invoker/console"
	"github.com/runwith/runwith/internal/invoker/store"
)

// detailed is a fake that knows tasks and changes.
type detailed struct {
	fake

	tasks   []runwith.Task
	changes []runwith.Change
	gone    error // answer of Tasks and Changes
	reads   int   // of tasks
	decided invoker.Decision
}

func (d *detailed) Tasks(context.Context, string) ([]runwith.Task, error) {
	d.reads++
	return d.tasks, d.gone
}

func (d *detailed) Changes(context.Context, string) ([]runwith.Change, error) {
	return d.changes, d.gone
}

func (d *detailed) Resolve(ctx context.Context, id string, decision invoker.Decision) (runwith.Invocation, error) {
	d.decided = decision
	return d.Invocation(ctx, id)
}

// openDetail serves a console over d.
func openDetail(t *testing.T, d *detailed, config string, options ...func(*console.Config)) site {
	t.Helper()
	return open(t, d, config, options...)
}

// failed is an invocation that has failed with two of its tasks.
func failed() runwith.Invocation {
	i := number(1, runwith.StateFailed)
	i.Execution, i.Started, i.Finished = "projects/p/locations/l/jobs/reindex/executions/e", i.Created, i.Created.Add(time.Minute)
	i.Usage = &runwith.Usage{VCPUSeconds: 60, USD: 0.5, Basis: runwith.UsageFromTasks, Prices: "2026-11-28"}
	i.Counts = runwith.Counts{Tasks: 2, Succeeded: 1, Failed: 1}
	i.Error = &runwith.Failure{
		Code: "ABORTED", Reason: runwith.ReasonNonZeroExitCode, Message: "1 of 2 tasks failed", Task: new(1), ExitCode: 3,
		Stderr: []string{"<script>alert(1)</script> \u202egpj \x1b[31mred"},
	}
	return i
}

// The failure comes first: why, the last output of the task that failed, and a way to the rest of
// it. What a task prints is text.
func TestFailureComesFirst(t *testing.T) {
	t.Parallel()
	d := &detailed{fake: fake{all: []runwith.Invocation{failed()}}, tasks: []runwith.Task{
		{Index: 0, State: runwith.TaskSucceeded, Attempts: 1, ExitCode: new(0)}, {Index: 1, State: runwith.TaskFailed, Attempts: 3, ExitCode: new(3), Message: "it broke"},
	}}
	openDetail(t, d, "").get(t, "/invocations/inv-00001").is(t, http.StatusOK).has(t,
		"NonZeroExitCode, exit code 3", "1 of 2 tasks failed", "&lt;script&gt;alert(1)&lt;/script&gt; ⟨U&#43;202E⟩gpj ␛[31mred", "/logs?task=1",
		"Timeline", "Tasks", "exit code 0", "exit code 3", "it broke", "before the free tier", "An estimate",
	).lacks(t, "<script>alert", "data-live", "\u202e", "\x1b")
}

// One that is not there, and one that the visitor may not see, have the same page.
func TestInvocationOfOthers(t *testing.T) {
	t.Parallel()
	d := &detailed{fake: fake{all: []runwith.Invocation{failed()}}}
	s := openDetail(t, d, "callers: {starter: {oidc: {issuer: google, subject: \"1\", audience: x}, grants: [start]}}\njobs: {reindex: {}}").as("starter")
	missing := s.get(t, "/invocations/inv-00002").is(t, http.StatusNotFound)
	foreign := s.get(t, "/invocations/inv-00001").is(t, http.StatusNotFound)
	if got, want := strings.ReplaceAll(foreign.main(), "inv-00001", "inv-00002"), missing.main(); strings.ReplaceAll(got, "&#34;", "") != strings.ReplaceAll(want, "&#34;", "") {
		t.Errorf("page of an invocation of others:\n%s\nwant that of a missing one:\n%s", got, want)
	}
}

// One that runs another again, and that other one, lead to each other.
func TestReruns(t *testing.T) {
	t.Parallel()
	again := number(2, runwith.StateRunning)
	again.RerunOf = "inv-00001"
	s := openDetail(t, &detailed{fake: fake{all: []runwith.Invocation{again, failed()}}}, "")
	s.get(t, "/invocations/inv-00001").has(t, "Run again</dt>", `href="/invocations/inv-00002"`, "running")
	s.get(t, "/invocations/inv-00002").has(t, `href="/invocations/inv-00001"`)
}

// The page works although the job and the execution are gone.
func TestInvocationOfDeletedJob(t *testing.T) {
	t.Parallel()
	d := &detailed{fake: fake{all: []runwith.Invocation{failed()}}, gone: store.NotFound("the job")}
	openDetail(t, d, "").get(t, "/invocations/inv-00001").is(t, http.StatusOK).has(t, "1 of 2 tasks failed", "there is no the job", "there is no the job", "Start the same")
}

// Each decision is explained and asked for; one that is not possible is not shown.
func TestResolve(t *testing.T) {
	t.Parallel()
	started := number(2, runwith.StateUnresolved)
	started.Execution = "projects/p/locations/l/jobs/reindex/executions/e"
	d := &detailed{fake: fake{all: []runwith.Invocation{number(1, runwith.StateUnresolved), started}}}
	s := openDetail(t, d, "")
	s.get(t, "/invocations/inv-00001").has(t, "It needs your decision", "resolve?decision=retry", "resolve?decision=leave")
	s.get(t, "/invocations/inv-00002").has(t, "resolve?decision=leave").lacks(t, "resolve?decision=retry")
	s.get(t, "/invocations/inv-00001/resolve?decision=retry").has(t, "Search again, and start it?", `value="retry"`, "the job runs twice")
	if d.decided != "" {
		t.Fatalf("%s was decided before anybody confirmed", d.decided)
	}
	a := s.post(t, "/invocations/inv-00001/resolve", "decision", "retry").is(t, http.StatusSeeOther)
	if got := a.header.Get("Location"); got != "/invocations/inv-00001?done=resolve" || d.decided != invoker.DecideRetry {
		t.Errorf("decided %q, and went to %q", d.decided, got)
	}
}

// Who may not decide sees no buttons that fail, and values are masked in commands.
func TestInvocationShowsWhatIsAllowed(t *testing.T) {
	t.Parallel()
	unresolved := number(1, runwith.StateUnresolved)
	unresolved.Request = &runwith.Request{Overrides: runwith.Overrides{Args: []string{"secret"}}}
	d := &detailed{fake: fake{all: []runwith.Invocation{unresolved}}}
	s := openDetail(t, d, "callers: {viewer: {oidc: {issuer: google, subject: \"1\", audience: x}, grants: [view]}}\njobs: {reindex: {}}")
	s.as("viewer").get(t, "/invocations/inv-00001").has(t, "Values that you may not see are ***", "Authorization: Bearer").
		lacks(t, "secret", "resolve?", "/invocations/rerun?", "/invocations/cancel?")
}

// Ten thousand tasks are one short list item each, and those of an ended execution are read once.
func TestManyTasks(t *testing.T) {
	t.Parallel()
	d := &detailed{fake: fake{all: []runwith.Invocation{failed()}}}
	for n := range 10_000 {
		d.tasks = append(d.tasks, runwith.Task{Index: n, State: runwith.TaskSucceeded})
	}
	d.tasks[77].State = runwith.TaskFailed
	s := openDetail(t, d, "")
	page := s.get(t, "/invocations/inv-00001").has(t, "9\u202f999", "0–76, 78–9999", "<li class=f>77 failed<li class=w2>78–79 succeeded", "Failed tasks")
	if len(page.body) > 256<<10 {
		t.Errorf("the page has %d bytes, want at most 256 KiB", len(page.body))
	}
	s.get(t, "/invocations/inv-00001?task=4321").has(t, `value="4321"`, "/logs?task=4321", "Failed tasks")
	s.get(t, "/invocations/inv-00001?task=10000").is(t, http.StatusBadRequest).has(t, "There is no task with the index 10000. The tasks have the indexes 0 to 9999.")
	if d.reads != 1 {
		t.Errorf("tasks were read %d times, want once", d.reads)
	}
}

// A task that an invocation does not have is a mistake, also on a page that lists all tasks.
func TestNoSuchTask(t *testing.T) {
	t.Parallel()
	s := openDetail(t, &detailed{fake: fake{all: []runwith.Invocation{failed()}}, tasks: []runwith.Task{{Index: 0}, {Index: 1}}}, "")
	for query, text := range map[string]string{
		"task=2":         "There is no task with the index 2. The tasks have the indexes 0 to 1.",
		"task=%3Cb%3E":   "There is no task with the index &lt;b&gt;.",
		"task=0&task=1":  "The page shows one task, not 2.",
		"task=9e9&x=%ff": "There is no task with the index 9e9.",
	} {
		s.get(t, "/invocations/inv-00001?"+query).is(t, http.StatusBadRequest).has(t, text)
	}
	for query, text := range map[string]string{
		"task=2":                      "task: there is no task with the index &#34;2&#34;",
		"task=0&task=1":               "task: takes one value, not 2",
		"stream=stdout&stream=stderr": "stream: takes one value, not 2",
	} {
		s.get(t, "/invocations/inv-00001/logs?"+query).is(t, http.StatusBadRequest).has(t, text)
	}
	s.get(t, "/invocations/inv-00001?task=1").is(t, http.StatusOK).lacks(t, "There is no task")
}

// deliveries are the callbacks of a test.
type deliveries struct {
	api.Callbacks

	all []runwith.Delivery
}

func (d deliveries) Deliveries(context.Context, callback.Filter) ([]runwith.Delivery, string, error) {
	return d.all, "", nil
}

// A page is live until the invocation has ended and its callbacks are delivered.
func TestInvocationIsLiveUntilItsCallbacksAre(t *testing.T) {
	t.Parallel()
	for state, live := range map[runwith.DeliveryState]bool{runwith.DeliveryPending: true, runwith.DeliveryDelivered: false} {
		d := &detailed{fake: fake{all: []runwith.Invocation{failed()}}}
		s := openDetail(t, d, "", func(c *console.Config) {
			c.Callbacks = deliveries{all: []runwith.Delivery{{ID: "d", Event: "invocation.failed", State: state, Invocation: "inv-00001"}}}
		})
		page := s.get(t, "/invocations/inv-00001").has(t, string(state), "invocation.failed")
		if got := strings.Contains(page.body, "data-live"); got != live {
			t.Errorf("with a %s delivery, live = %v, want %v", state, got, live)
		}
	}
}

// An invocation that was cancelled before it started costs nothing. That of one whose outcome is unknown
// is unknown too.
func TestCostOfNothing(t *testing.T) {
	t.Parallel()
	for state, text := range map[runwith.State]string{
		runwith.StateQueued: "Known a moment after the end.", runwith.StateCancelled: "None: nothing was started.", runwith.StateUnresolved: "Not known yet.",
	} {
		d := &detailed{fake: fake{all: []runwith.Invocation{number(1, state)}}}
		open(t, d, "").get(t, "/invocations/inv-00001").is(t, http.StatusOK).has(t, text)
	}
}

// TestLogWithoutLines shows the log page without JavaScript while there is nothing to show.
func TestLogWithoutLines(t *testing.T) {
	t.Parallel()
	waits := number(2, runwith.StateQueued)
	s := openDetail(t, &detailed{fake: fake{all: []runwith.Invocation{waits, failed()}}}, "")
	s.get(t, "/invocations/inv-00001/logs?lines=100").is(t, http.StatusOK).has(t, "Nothing was printed")
	s.get(t, "/invocations/inv-00002/logs?lines=100").is(t, http.StatusOK).has(t, "Nothing has been printed yet")
}
