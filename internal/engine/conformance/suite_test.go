package conformance

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/logging"
	"cloud.google.com/go/logging/logadmin"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/iterator"

	"github.com/runwith/runwith/internal/eventually"
)

// place is the location of a job.
type place struct{ region, job string }

// jobSpec describes a job of the suite. Its image is not used, because it has a command.
type jobSpec struct {
	script  string // for sh; "$@" are the arguments
	args    []string
	tasks   int32 // 0 means the default
	retries int32
	timeout time.Duration
}

// overrides change one run.
type overrides struct {
	args    []string
	env     map[string]string
	tasks   int32
	timeout time.Duration
}

// outcome is the state of an execution.
type outcome struct {
	Ended                                 bool
	State                                 string // of its Completed condition: True, False or Unknown, as v1 spells it
	Reason                                string // of it: NonZeroExitCode, Cancelled, ..., as v1 spells it
	Succeeded, Failed, Cancelled, Retried int32
}

// taskEnd is how a task ended.
type taskEnd struct {
	Index, Retried int32
	ExitCode       int32
	Message        string
}

// surface is one of Google's clients. It identifies jobs and executions by their IDs.
type surface interface { //nolint:interfacebloat // all operations of the suite, which each client must support
	create(ctx context.Context, at place, s jobSpec) error
	args(ctx context.Context, at place) ([]string, error)
	jobs(ctx context.Context, region string) ([]string, error)
	run(ctx context.Context, at place, o *overrides) (execution string, err error)
	executions(ctx context.Context, at place) ([]string, error)
	execution(ctx context.Context, at place, id string) (outcome, error)
	tasks(ctx context.Context, at place, id string) ([]taskEnd, error)
	// latest returns the ID in a job's reference to its latest execution, and whether the
	// job has that reference.
	latest(ctx context.Context, at place) (id string, set bool, err error)
	parallelism(ctx context.Context, at place, id string) (int32, error)
	cancel(ctx context.Context, at place, id string) error
	deleteExecution(ctx context.Context, at place, id string) error
	delete(ctx context.Context, at place) error
	// missing reports whether an error means that something does not exist.
	missing(err error) bool
}

// runSuite runs all cases with a client against one server.
func runSuite(t *testing.T, s *server, c surface) {
	t.Helper()
	all := &suite{server: s, surface: c}
	for _, test := range []struct {
		name string
		run  func(*testing.T, *suite)
	}{
		{"from creation to deletion", fromCreationToDeletion},
		{"overrides", runsWithOverrides},
		{"fields that Cloud Run fills in", fillsIn},
		{"failure", fails},
		{"timeout", timesOut},
		{"cancel", isCancelled},
		{"retries", retries},
		{"logs", printsLogs},
		{"two regions", keepsRegionsApart},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, all) })
	}
}

type suite struct {
	server *server
	surface
}

// mustRun creates a job, runs it and waits for its end.
func (s *suite) mustRun(t *testing.T, job string, spec jobSpec, o *overrides) (place, string, outcome) {
	t.Helper()
	at := place{region, job}
	if err := s.create(t.Context(), at, spec); err != nil {
		t.Fatalf("create %s: %v", job, err)
	}
	id, err := s.run(t.Context(), at, o)
	if err != nil {
		t.Fatalf("run %s: %v", job, err)
	}
	return at, id, s.mustEnd(t, at, id)
}

// mustEnd waits for the end of an execution.
func (s *suite) mustEnd(t *testing.T, at place, id string) outcome {
	t.Helper()
	var x outcome
	eventually.True(t, "execution "+id+" has ended", func() bool {
		var err error
		if x, err = s.execution(t.Context(), at, id); err != nil {
			t.Fatalf("execution %s: %v", id, err)
		}
		return x.Ended
	})
	return x
}

func want[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func fromCreationToDeletion(t *testing.T, s *suite) {
	at, id, x := s.mustRun(t, "life", jobSpec{script: "true", args: []string{"a", "b"}, tasks: 3}, nil)
	want(t, "execution", x, outcome{Ended: true, State: "True", Succeeded: 3})
	args, err := s.args(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "arguments of the job", args, []string{"a", "b"})
	jobs, err := s.jobs(t.Context(), region)
	if err != nil || !slices.Contains(jobs, "life") {
		t.Errorf("jobs = %v, %v; want them to include life", jobs, err)
	}
	ids, err := s.executions(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "executions", ids, []string{id})
	tasks, err := s.tasks(t.Context(), at, id)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "tasks", tasks, []taskEnd{{Index: 0}, {Index: 1}, {Index: 2}})
	if err := s.deleteExecution(t.Context(), at, id); err != nil {
		t.Fatalf("delete execution: %v", err)
	}
	if x, err := s.execution(t.Context(), at, id); !s.missing(err) {
		t.Errorf("deleted execution = %v, %v; want it not to exist", x, err)
	}
	if err := s.delete(t.Context(), at); err != nil {
		t.Fatalf("delete job: %v", err)
	}
	if args, err := s.args(t.Context(), at); !s.missing(err) {
		t.Errorf("deleted job = %v, %v; want it not to exist", args, err)
	}
}

func runsWithOverrides(t *testing.T, s *suite) {
	at, id, x := s.mustRun(t, "overridden", jobSpec{script: `echo "$GREETING: $* of $CLOUD_RUN_TASK_COUNT"`, args: []string{"kept"}},
		&overrides{args: []string{"one", "two"}, env: map[string]string{"GREETING": "HELLO"}, tasks: 2, timeout: 30 * time.Second})
	want(t, "execution", x, outcome{Ended: true, State: "True", Succeeded: 2})
	const line = "HELLO: one two of 2"
	want(t, "output", s.output(t, id), map[string][]string{"stdout": {line, line}})
	args, err := s.args(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "arguments of the job", args, []string{"kept"})
}

// fillsIn reads fields that public clients read without checking that they are set.
func fillsIn(t *testing.T, s *suite) {
	at := place{region, "filled"}
	must(t, s.create(t.Context(), at, jobSpec{script: "true", tasks: 3}))
	if id, set, err := s.latest(t.Context(), at); id != "" || !set || err != nil {
		t.Errorf("latest execution of a job that never ran = %q, set %v, %v; want an empty one", id, set, err)
	}
	id, err := s.run(t.Context(), at, nil)
	must(t, err)
	if latest, _, err := s.latest(t.Context(), at); latest != id || err != nil {
		t.Errorf("latest execution = %q, %v, want %s", latest, err, id)
	}
	if n, err := s.parallelism(t.Context(), at, id); n != 3 || err != nil {
		t.Errorf("parallelism of 3 tasks without a limit = %d, %v, want 3", n, err)
	}
	s.mustEnd(t, at, id)
}

func fails(t *testing.T, s *suite) {
	at, id, x := s.mustRun(t, "failing", jobSpec{script: "exit 3"}, nil)
	want(t, "execution", x, outcome{Ended: true, State: "False", Reason: "NonZeroExitCode", Failed: 1})
	tasks, err := s.tasks(t.Context(), at, id)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "tasks", tasks, []taskEnd{{ExitCode: 3, Message: "The container exited with an error."}})
}

func timesOut(t *testing.T, s *suite) {
	at, id, x := s.mustRun(t, "slow", jobSpec{script: "exec sleep 100", timeout: time.Second}, nil)
	want(t, "execution", x, outcome{Ended: true, State: "False", Reason: "NonZeroExitCode", Failed: 1})
	tasks, err := s.tasks(t.Context(), at, id)
	if err != nil || len(tasks) != 1 || tasks[0].Message != "The configured timeout was reached." {
		t.Errorf("tasks = %+v, %v; want one that reached its timeout", tasks, err)
	}
}

func isCancelled(t *testing.T, s *suite) {
	at := place{region, "endless"}
	if err := s.create(t.Context(), at, jobSpec{script: "exec sleep 100", tasks: 2}); err != nil {
		t.Fatal(err)
	}
	id, err := s.run(t.Context(), at, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cancel(t.Context(), at, id); err != nil {
		t.Fatal(err)
	}
	want(t, "execution", s.mustEnd(t, at, id), outcome{Ended: true, State: "False", Reason: "Cancelled", Cancelled: 2})
}

func retries(t *testing.T, s *suite) {
	at, id, x := s.mustRun(t, "stubborn", jobSpec{script: `test "$CLOUD_RUN_TASK_ATTEMPT" = 2`, retries: 2}, nil)
	want(t, "execution", x, outcome{Ended: true, State: "True", Succeeded: 1, Retried: 1})
	tasks, err := s.tasks(t.Context(), at, id)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "tasks", tasks, []taskEnd{{Retried: 2}})
}

func printsLogs(t *testing.T, s *suite) {
	_, id, _ := s.mustRun(t, "talking", jobSpec{script: `echo out; echo err >&2; printf last`}, nil)
	want(t, "output", s.output(t, id), map[string][]string{"stdout": {"out", "last"}, "stderr": {"err"}})
}

func keepsRegionsApart(t *testing.T, s *suite) {
	here, there := place{region, "twin"}, place{elsewhere, "twin"}
	for _, at := range []place{here, there} {
		if err := s.create(t.Context(), at, jobSpec{script: "true", args: []string{at.region}}); err != nil {
			t.Fatalf("create in %s: %v", at.region, err)
		}
	}
	for _, at := range []place{here, there} {
		args, err := s.args(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "arguments of the job in "+at.region, args, []string{at.region})
	}
	if err := s.delete(t.Context(), here); err != nil {
		t.Fatal(err)
	}
	jobs, err := s.jobs(t.Context(), elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "jobs of "+elsewhere, jobs, []string{"twin"})
	if err := s.delete(t.Context(), there); err != nil {
		t.Fatal(err)
	}
}

// output reads the output of an execution, by stream, with Google's Cloud Logging client.
func (s *suite) output(t *testing.T, execution string) map[string][]string {
	t.Helper()
	client, err := logadmin.NewClient(t.Context(), project, s.server.grpc()...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	filter := `resource.type="cloud_run_job" AND labels."run.googleapis.com/execution_name"="` + execution + `"`
	lines := map[string][]string{}
	for it := client.Entries(t.Context(), logadmin.Filter(filter)); ; {
		entry, err := it.Next()
		if errors.Is(err, iterator.Done) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		if stream, ok := streamOf(entry); ok {
			text, _ := entry.Payload.(string)
			lines[stream] = append(lines[stream], text)
		}
	}
}

// streamOf returns the stream of an entry, and false for the platform's own lines. The
// client has already unescaped the log's name.
func streamOf(entry *logging.Entry) (string, bool) {
	_, stream, _ := strings.Cut(entry.LogName, "/logs/run.googleapis.com/")
	return stream, stream == "stdout" || stream == "stderr"
}
