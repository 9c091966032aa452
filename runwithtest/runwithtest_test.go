//go:build linux || darwin

package runwithtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/logging/logadmin"
	run "cloud.google.com/go/run/apiv2"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/iterator"
	runv1 "google.golang.org/api/run/v1"
	runv2 "google.golang.org/api/run/v2"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/runwith/runwith/runwithtest"
)

const worker = "gcr.io/p/worker"

// client holds Google's clients for one server.
type client struct {
	*runwithtest.Server
	t          *testing.T
	jobs       *run.JobsClient
	executions *run.ExecutionsClient
}

// start starts a server and returns gRPC clients for it.
func start(t *testing.T, options ...runwithtest.Option) *client {
	t.Helper()
	s := runwithtest.Start(t, options...)
	jobs, err := run.NewJobsClient(t.Context(), s.GRPC()...)
	if err != nil {
		t.Fatal(err)
	}
	executions, err := run.NewExecutionsClient(t.Context(), s.GRPC()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = jobs.Close(), executions.Close() })
	return &client{s, t, jobs, executions}
}

// run runs the job and returns the ended execution.
func (c *client) run(job string) *runpb.Execution {
	c.t.Helper()
	op := c.begin(job)
	_, _ = op.Wait(c.t.Context()) // a failed execution is an error, which is fine here
	x, err := op.Metadata()
	if err != nil {
		c.t.Fatal(err)
	}
	return x
}

func (c *client) begin(job string) *run.RunJobOperation {
	c.t.Helper()
	op, err := c.jobs.RunJob(c.t.Context(), &runpb.RunJobRequest{Name: c.Parent() + "/jobs/" + job})
	if err != nil {
		c.t.Fatal(err)
	}
	return op
}

// logged reads the output of an execution's tasks with Google's client.
func (c *client) logged(x *runpb.Execution) (lines []string) {
	c.t.Helper()
	logs, err := logadmin.NewClient(c.t.Context(), "projects/"+c.Project, c.GRPC()...)
	if err != nil {
		c.t.Fatal(err)
	}
	defer logs.Close()
	filter := fmt.Sprintf(`resource.type="cloud_run_job" AND resource.labels.job_name=%q AND resource.labels.location=%q AND labels."run.googleapis.com/execution_name"=%q`,
		x.Job, c.Region, filepath.Base(x.Name))
	for all := logs.Entries(c.t.Context(), logadmin.Filter(filter)); ; {
		entry, err := all.Next()
		if errors.Is(err, iterator.Done) {
			return lines
		}
		if err != nil {
			c.t.Fatal(err)
		}
		if !strings.HasSuffix(entry.LogName, "varlog/system") { // skip the platform's lines
			lines = append(lines, fmt.Sprint(filepath.Base(entry.LogName), ": ", entry.Payload))
		}
	}
}

func TestFunctionGetsTheTask(t *testing.T) {
	t.Parallel()
	var (
		mu  sync.Mutex
		got []*runwithtest.Task
	)
	template := job(worker)
	template.Template.TaskCount, template.Template.Parallelism = 2, 1
	template.Template.Template.Containers[0].Args = []string{"from", "the job"}
	template.Template.Template.Containers[0].Env = []*runpb.EnvVar{{Name: "MODE", Values: &runpb.EnvVar_Value{Value: "full"}}}
	c := start(t, runwithtest.Job("worker", template), runwithtest.Image(worker, func(_ context.Context, task *runwithtest.Task) error {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, task)
		if task.Index == 1 && task.Attempt == 0 {
			return errors.New("once more")
		}
		return nil
	}))
	x := c.run("worker")
	var want []*runwithtest.Task
	for _, at := range [][2]int{{0, 0}, {1, 0}, {1, 1}} {
		want = append(want, &runwithtest.Task{
			Job: "worker", Execution: filepath.Base(x.Name), Index: at[0], Attempt: at[1], Count: 2,
			Args: []string{"from", "the job"},
		})
	}
	if diff := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool {
		return slices.Contains([]string{"Env", "Stdout", "Stderr"}, p.Last().String()[1:])
	}, cmp.Ignore())); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}
	last := got[len(got)-1]
	for name, value := range map[string]string{
		"MODE": "full", "CLOUD_RUN_JOB": "worker", "CLOUD_RUN_EXECUTION": filepath.Base(x.Name),
		"CLOUD_RUN_TASK_INDEX": "1", "CLOUD_RUN_TASK_ATTEMPT": "1", "CLOUD_RUN_TASK_COUNT": "2",
		"GCE_METADATA_HOST": c.Addr,
	} {
		if got, ok := last.Lookup(name); got != value || !ok {
			t.Errorf("Lookup(%q) = %q, %v, want %q", name, got, ok, value)
		}
	}
	if value, ok := last.Lookup("PATH"); ok {
		t.Errorf("PATH = %q, want none of the test's variables", value)
	}
}

func TestFunctionResult(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		f    func() error
		code int32
		says []string // logged
	}{
		"success": {func() error { return nil }, 0, nil},
		"error":   {func() error { return errors.New("no such table") }, 1, []string{"stderr: no such table"}},
		"code":    {func() error { return runwithtest.ExitError{Code: 7} }, 7, nil},
		"pointer": {func() error { return &runwithtest.ExitError{Code: 7} }, 7, nil},
		"wrapped": {func() error { return fmt.Errorf("read: %w", runwithtest.ExitError{Code: 7}) }, 7, []string{"stderr: read: exit code 7"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			once := job(worker)
			once.Template.Template.Retries = &runpb.TaskTemplate_MaxRetries{}
			c := start(t, runwithtest.Job("worker", once),
				runwithtest.Image(worker, func(context.Context, *runwithtest.Task) error { return test.f() }))
			x := c.run("worker")
			if got := c.lastAttempt(x).GetExitCode(); got != test.code || (x.FailedCount == 0) != (test.code == 0) {
				t.Errorf("exit code = %d, %d failed; want %d", got, x.FailedCount, test.code)
			}
			if diff := cmp.Diff(test.says, c.logged(x)); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}

// lastAttempt returns the result of the last attempt of an execution's first task.
func (c *client) lastAttempt(x *runpb.Execution) *runpb.TaskAttemptResult {
	c.t.Helper()
	tasks, err := run.NewTasksClient(c.t.Context(), c.GRPC()...)
	if err != nil {
		c.t.Fatal(err)
	}
	defer tasks.Close()
	task, err := tasks.ListTasks(c.t.Context(), &runpb.ListTasksRequest{Parent: x.Name}).Next()
	if err != nil {
		c.t.Fatal(err)
	}
	return task.LastAttemptResult
}

func TestPanicFailsTheTaskOnly(t *testing.T) {
	t.Parallel()
	once := job(worker)
	once.Template.Template.Retries = &runpb.TaskTemplate_MaxRetries{}
	c := start(t, runwithtest.Job("worker", once),
		runwithtest.Image(worker, func(context.Context, *runwithtest.Task) error { panic("out of cheese") }))
	x := c.run("worker")
	if got := c.lastAttempt(x).GetExitCode(); got != 2 {
		t.Errorf("exit code = %d, want 2", got)
	}
	if lines := c.logged(x); len(lines) == 0 || lines[0] != "stderr: panic: out of cheese" {
		t.Errorf("output = %q, want it to begin with the panic", lines)
	}
}

func TestContextEndsWhenTheTaskMustStop(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		timeout time.Duration
		stop    func(c *client, x *runpb.Execution) error
		reason  runpb.Condition_ExecutionReason
	}{
		"timeout": {time.Second, func(*client, *runpb.Execution) error { return nil }, runpb.Condition_NON_ZERO_EXIT_CODE},
		"cancel": {time.Hour, func(c *client, x *runpb.Execution) error {
			_, err := c.executions.CancelExecution(c.t.Context(), &runpb.CancelExecutionRequest{Name: x.Name})
			return err
		}, runpb.Condition_CANCELLED},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runs := make(chan struct{})
			bounded := job(worker)
			bounded.Template.Template.Timeout = durationpb.New(test.timeout)
			bounded.Template.Template.Retries = &runpb.TaskTemplate_MaxRetries{}
			c := start(t, runwithtest.Job("worker", bounded),
				runwithtest.Image(worker, func(ctx context.Context, _ *runwithtest.Task) error {
					close(runs)
					<-ctx.Done()
					return nil
				}))
			op := c.begin("worker")
			<-runs
			x, err := op.Metadata()
			if err == nil {
				err = test.stop(c, x)
			}
			if err != nil {
				t.Fatal(err)
			}
			_, _ = op.Wait(t.Context())
			if x, err = op.Metadata(); err != nil || x.Conditions[0].GetExecutionReason() != test.reason {
				t.Errorf("execution = %v, %v; want it to end with %v", x.GetConditions(), err, test.reason)
			}
		})
	}
}

func TestImageCommandAndOwnCommand(t *testing.T) {
	t.Parallel()
	with := func(change func(*runpb.Container)) *runpb.Job {
		job := job(worker)
		change(job.Template.Template.Containers[0])
		return job
	}
	c := start(t,
		runwithtest.Image(worker, func(_ context.Context, task *runwithtest.Task) error {
			_, err := fmt.Fprintln(task.Stdout, "function", task.Args)
			return err
		}),
		runwithtest.Command("gcr.io/p/echo", "echo", "command"),
		runwithtest.Job("function", with(func(c *runpb.Container) { c.Args = []string{"a"} })),
		runwithtest.Job("mapped", with(func(c *runpb.Container) { c.Image, c.Args = "gcr.io/p/echo", []string{"a"} })),
		runwithtest.Job("own", with(func(c *runpb.Container) { c.Command, c.Args = []string{"echo", "own"}, []string{"a"} })),
		runwithtest.Job("unknown", with(func(c *runpb.Container) { c.Image = "gcr.io/p/unknown" })),
	)
	for job, want := range map[string]string{"function": "function [a]", "mapped": "command a", "own": "own a"} {
		if got := c.logged(c.run(job)); !slices.Equal(got, []string{"stdout: " + want}) {
			t.Errorf("%s printed %q, want %q", job, got, want)
		}
	}
	_, err := c.jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: c.Parent() + "/jobs/unknown"})
	if err == nil || !strings.Contains(err.Error(), `image "gcr.io/p/unknown" is replaced by nothing`) {
		t.Errorf("RunJob() of an unmapped image = %v, want it refused", err)
	}
}

func TestEveryClientReachesTheServer(t *testing.T) {
	t.Parallel()
	c := start(t, runwithtest.Project("acme"), runwithtest.Region("europe-west1"), runwithtest.Job("worker", job(worker)))
	const name = "projects/acme/locations/europe-west1/jobs/worker"
	if got := c.Parent() + "/jobs/worker"; got != name {
		t.Errorf("name of the job below Parent() = %q, want %q", got, name)
	}
	if c.Project != "acme" {
		t.Errorf("project = %q, want acme", c.Project)
	}
	if c.Region != "europe-west1" {
		t.Errorf("region = %q, want europe-west1", c.Region)
	}
	if want := "http://" + c.Addr; c.URL != want {
		t.Errorf("URL = %q, want %q", c.URL, want)
	}
	for client, read := range map[string]func() (string, error){
		"apiv2 over gRPC": func() (string, error) {
			job, err := c.jobs.GetJob(t.Context(), &runpb.GetJobRequest{Name: name})
			return job.GetName(), err
		},
		"apiv2 over REST": func() (string, error) {
			jobs, err := run.NewJobsRESTClient(t.Context(), c.REST()...)
			if err != nil {
				return "", err
			}
			defer jobs.Close()
			job, err := jobs.GetJob(t.Context(), &runpb.GetJobRequest{Name: name})
			return job.GetName(), err
		},
		"api/run/v2": func() (string, error) {
			service, err := runv2.NewService(t.Context(), c.REST()...)
			if err != nil {
				return "", err
			}
			job, err := service.Projects.Locations.Jobs.Get(name).Do()
			if err != nil {
				return "", err
			}
			return job.Name, nil
		},
		"api/run/v1": func() (string, error) {
			service, err := runv1.NewService(t.Context(), c.REST()...)
			if err != nil {
				return "", err
			}
			job, err := service.Namespaces.Jobs.Get("namespaces/acme/jobs/worker").Do()
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("projects/acme/locations/%s/jobs/%s", job.Metadata.Labels["cloud.googleapis.com/location"], job.Metadata.Name), nil
		},
		"by hand": func() (string, error) {
			res, err := c.Client().Get(c.URL + "/v2/" + name)
			if err != nil {
				return "", err
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if !strings.Contains(string(body), name) {
				return string(body), err
			}
			return name, err
		},
	} {
		if got, err := read(); err != nil || got != name {
			t.Errorf("%s: job = %q, %v, want %q", client, got, err, name)
		}
	}
}

func TestServersAreSeparate(t *testing.T) {
	t.Parallel()
	a, b := start(t, runwithtest.Job("a", job(worker))), start(t, runwithtest.Job("b", job(worker)))
	if a.Addr == b.Addr {
		t.Fatalf("both servers have the address %s, want different ones", a.Addr)
	}
	for c, other := range map[*client]string{a: "b", b: "a"} {
		if _, err := c.jobs.GetJob(t.Context(), &runpb.GetJobRequest{Name: c.Parent() + "/jobs/" + other}); err == nil {
			t.Errorf("a server returned the job %s of the other, want NOT_FOUND", other)
		}
	}
}

// A run of an image that nothing replaces names the option, and no flag of the server.
func TestUnmappedImage(t *testing.T) {
	t.Parallel()
	s := runwithtest.Start(t, runwithtest.Job("report", job("gcr.io/p/report")))
	jobs, err := run.NewJobsClient(t.Context(), s.GRPC()...)
	if err != nil {
		t.Fatal(err)
	}
	defer jobs.Close()
	_, err = jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: s.Parent() + "/jobs/report"})
	if err == nil || !strings.Contains(err.Error(), `runwithtest.Image("gcr.io/p/report", ...)`) || strings.Contains(err.Error(), "--image") {
		t.Errorf("RunJob() = %v, want it to name runwithtest.Image", err)
	}
}
