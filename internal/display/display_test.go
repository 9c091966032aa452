package display

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/terminal"
)

var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// before returns a time before now.
func before(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(now.Add(-d)) }

// shown compares what show writes to a file with the lines wanted.
func shown(t *testing.T, want string, show func(*terminal.Screen) error) {
	t.Helper()
	var out strings.Builder
	if err := show(terminal.NewScreen(&out, true)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), out.String()); diff != "" {
		t.Errorf("shown differs (-want +got):\n%s", diff)
	}
}

const jobName = "projects/demo/locations/us-east4/jobs/nightly"

func template() *runpb.TaskTemplate {
	return &runpb.TaskTemplate{
		Retries: &runpb.TaskTemplate_MaxRetries{MaxRetries: 3},
		Timeout: durationpb.New(10 * time.Minute),
		Containers: []*runpb.Container{{
			Name: "main", Image: "worker", Args: []string{"plain", "two words", "", "new\nline"},
			Resources: &runpb.ResourceRequirements{Limits: map[string]string{"cpu": "1", "memory": "512Mi"}},
			Env: []*runpb.EnvVar{
				{Name: "A", Values: &runpb.EnvVar_Value{Value: "B"}},
				{Name: "KEY", Values: &runpb.EnvVar_ValueSource{ValueSource: &runpb.EnvVarSource{
					SecretKeyRef: &runpb.SecretKeySelector{Secret: "s", Version: "latest"},
				}}},
			},
		}},
	}
}

func sampleJob() *runpb.Job {
	ready := &runpb.Condition{Type: "Ready", State: runpb.Condition_CONDITION_SUCCEEDED, LastTransitionTime: before(time.Hour)}
	return &runpb.Job{
		Name: jobName, Generation: 2, ExecutionCount: 5, CreateTime: before(2 * time.Hour), UpdateTime: before(time.Hour),
		Labels: map[string]string{"team": "night"}, TerminalCondition: ready,
		LatestCreatedExecution: &runpb.ExecutionReference{
			Name: "nightly-x7k2p", CreateTime: before(time.Minute), CompletionStatus: runpb.ExecutionReference_EXECUTION_RUNNING,
		},
		Template: &runpb.ExecutionTemplate{TaskCount: 10, Template: template()},
	}
}

func TestJobs(t *testing.T) {
	t.Parallel()
	unused := &runpb.Job{Name: "projects/demo/locations/us-east4/jobs/new", Template: &runpb.ExecutionTemplate{TaskCount: 1}}
	shown(t, `
JOB      STATE    TASKS  EXECUTIONS  LAST EXECUTION  UPDATED
nightly  ready    10     5           running 1m ago  1h ago
new      pending  1      0           -               -
`, func(s *terminal.Screen) error { return Jobs(s, now, []*runpb.Job{sampleJob(), unused}) })
}

func TestJob(t *testing.T) {
	t.Parallel()
	shown(t, `
Job nightly
  Name            projects/demo/locations/us-east4/jobs/nightly
  State           ready
  Created         2026-07-01T10:00:00Z (2h ago)
  Updated         2026-07-01T11:00:00Z (1h ago)
  Generation      2
  Executions      5
  Last execution  nightly-x7k2p, running, created 1m ago
  Label           team=night

Conditions
  Ready  succeeded  1h ago

Each execution
  Tasks        10
  Parallelism  as many as possible
  Retries      3
  Timeout      10m0s

Container main
  Image        worker
  Arguments    plain "two words" "" "new\nline"
  Limit        cpu=1
               memory=512Mi
  Environment  A=B
               KEY from secret s, version latest
`, func(s *terminal.Screen) error { return Job(s, now, sampleJob()) })
}

func execution(change func(*runpb.Execution)) *runpb.Execution {
	x := &runpb.Execution{
		Name: jobName + "/executions/nightly-x7k2p", Job: jobName, TaskCount: 3,
		CreateTime: before(time.Minute), StartTime: before(time.Minute), RunningCount: 2, SucceededCount: 1,
	}
	change(x)
	return x
}

func ended(state runpb.Condition_State) func(*runpb.Execution) {
	return func(x *runpb.Execution) {
		x.CompletionTime = before(30 * time.Second)
		x.Conditions = []*runpb.Condition{{Type: "Completed", State: state, LastTransitionTime: before(30 * time.Second)}}
		x.RunningCount, x.SucceededCount, x.FailedCount = 0, 2, 1
	}
}

func reason(why runpb.Condition_ExecutionReason) func(*runpb.Execution) {
	return func(x *runpb.Execution) {
		x.Conditions = []*runpb.Condition{{Type: "Completed", Reasons: &runpb.Condition_ExecutionReason_{ExecutionReason: why}}}
	}
}

func TestExecutions(t *testing.T) {
	t.Parallel()
	shown(t, `
EXECUTION      JOB      STATE       TASKS          CREATED  TOOK
nightly-x7k2p  nightly  running     1/3            1m ago   1m0s
nightly-x7k2p  nightly  pending     1/3            1m ago   -
nightly-x7k2p  nightly  cancelling  1/3            1m ago   1m0s
nightly-x7k2p  nightly  deleting    1/3            1m ago   1m0s
nightly-x7k2p  nightly  failed      2/3, 1 failed  1m ago   30s
`, func(s *terminal.Screen) error {
		return Executions(s, now, []*runpb.Execution{
			execution(func(*runpb.Execution) {}),
			execution(func(x *runpb.Execution) { x.StartTime = nil }),
			execution(reason(runpb.Condition_CANCELLING)),
			execution(reason(runpb.Condition_DELETED)),
			execution(ended(runpb.Condition_CONDITION_FAILED)),
		})
	})
}

func TestExecution(t *testing.T) {
	t.Parallel()
	x := execution(ended(runpb.Condition_CONDITION_FAILED))
	x.LogUri = "https://console.cloud.google.com/logs"
	x.Template = &runpb.TaskTemplate{Containers: []*runpb.Container{{Image: "worker", Env: []*runpb.EnvVar{
		{Name: "A", Values: &runpb.EnvVar_Value{Value: "a"}},
		{Name: "RUNWITH_INVOCATION", Values: &runpb.EnvVar_Value{Value: "01a2"}},
		{Name: "RUNWITH_RECORD", Values: &runpb.EnvVar_Value{Value: "{}"}},
	}}}}
	shown(t, `
Execution nightly-x7k2p
  Name        projects/demo/locations/us-east4/jobs/nightly/executions/nightly-x7k2p
  Job         nightly
  Invocation  01a2
  State       failed after 30s
  Created     2026-07-01T11:59:00Z (1m ago)
  Started     2026-07-01T11:59:00Z (1m ago)
  Ended       2026-07-01T11:59:30Z (30s ago)
  Log         https://console.cloud.google.com/logs
  Output      runwith logs nightly-x7k2p

Failure
  Reason  NonZeroExitCode: 2 of 3 tasks failed
  Task 1  exit code 3 in attempt 2: The container exited with an error.
  Task 2  Timeout, signal 15 in attempt 1
  Stderr  Traceback
          ValueError:  [31mx

Tasks
  Count        3
  Running      0
  Succeeded    2
  Failed       1
  Cancelled    0
  Retried      0
  Parallelism  as many as possible

Conditions
  Completed  failed  30s ago

Each task
  Retries  0
  Timeout  0s

Container
  Image        worker
  Environment  A=a
`, func(s *terminal.Screen) error { return Execution(s, now, x, sampleFailure()) })
}

func TestOperations(t *testing.T) {
	t.Parallel()
	about, err := anypb.New(sampleJob())
	if err != nil {
		t.Fatal(err)
	}
	shown(t, `
OPERATION  STATE    ABOUT        CHANGED  MESSAGE
a          running  job nightly  1h ago
b          failed   -            -        it failed
c          done     -            -
`, func(s *terminal.Screen) error {
		return Operations(s, now, []*longrunningpb.Operation{
			{Name: "operations/a", Metadata: about},
			{Name: "operations/b", Done: true, Result: &longrunningpb.Operation_Error{Error: &status.Status{Code: 2, Message: "it failed"}}},
			{Name: "operations/c", Done: true},
		})
	})
}

func sampleInvocation() *runwith.Invocation {
	return &runwith.Invocation{
		ID: "01a2", Job: "nightly", State: runwith.StateFailed, Execution: jobName + "/executions/nightly-x7k2p",
		Created: now.Add(-time.Hour), Started: now.Add(-time.Minute), Finished: now, Attempts: 1, Twins: 1,
		Counts: runwith.Counts{Tasks: 3, Succeeded: 2, Failed: 1, Interrupted: 2},
		Error:  sampleFailure(),
	}
}

func sampleFailure() *runwith.Failure {
	return &runwith.Failure{
		Code: "ABORTED", Reason: runwith.ReasonNonZeroExitCode, Message: "2 of 3 tasks failed",
		Task: new(1), Attempt: new(1), ExitCode: 3, Stderr: []string{"Traceback", "", "ValueError: \x1b[31mx"},
		Tasks: []runwith.TaskFailure{
			{Task: 1, Attempts: 2, Reason: runwith.ReasonNonZeroExitCode, ExitCode: 3, Message: "The container exited with an error."},
			{Task: 2, Attempts: 1, Reason: runwith.ReasonTimeout, Signal: 15},
		},
	}
}

func TestInvocations(t *testing.T) {
	t.Parallel()
	queued := &runwith.Invocation{ID: "01a3", Job: "hourly", State: runwith.StateQueued, Created: now}
	shown(t, `
INVOCATION  JOB      STATE   TASKS  CREATED  EXECUTION
01a2        nightly  failed  2/3    1h ago   nightly-x7k2p
01a3        hourly   queued  -      0s ago   -
`, func(s *terminal.Screen) error {
		return Invocations(s, now, []*runwith.Invocation{sampleInvocation(), queued})
	})
	queued.Waiting = &runwith.Waiting{For: runwith.HoldSlot, Message: "at most 1"}
	paced := &runwith.Invocation{ID: "01a4", Job: "hourly", State: runwith.StateAccepted, Created: now,
		Waiting: &runwith.Waiting{For: runwith.HoldRate, Message: "at most 10", Next: now.Add(5400 * time.Millisecond)}}
	shown(t, `
INVOCATION  JOB      STATE     TASKS  CREATED  EXECUTION      WAITS FOR
01a2        nightly  failed    2/3    1h ago   nightly-x7k2p
01a3        hourly   queued    -      0s ago   -              slot
01a4        hourly   accepted  -      0s ago   -              rate, next try in 5s
`, func(s *terminal.Screen) error {
		return Invocations(s, now, []*runwith.Invocation{sampleInvocation(), queued, paced})
	})
	shown(t, `
Invocation 01a4
  Job        hourly
  State      accepted
  Waits for  rate, next try in 5s: at most 10
  Created    2026-07-01T12:00:00Z (0s ago)
  Attempts   0
`, func(s *terminal.Screen) error { return Invocation(s, now, paced) })
}

// TestInvocationOfACaller shows what a caller asked for.
func TestInvocationOfACaller(t *testing.T) {
	t.Parallel()
	shown(t, `
Invocation 01a4
  Job       reindex
  State     accepted
  Caller    docs-api
  Label     tenant=acme
  Created   2026-07-01T12:00:00Z (0s ago)
  Attempts  0

Request
  Parameter    full=true
               pages=10
               tenant=***
  Arguments    none
  Environment  LOG_LEVEL=***
  Arguments    side: a "b c"
  Tasks        2
  Timeout      1m0s
  Callback     https://api.example.com/hook
`, func(s *terminal.Screen) error {
		return Invocation(s, now, &runwith.Invocation{
			ID: "01a4", Job: "reindex", State: runwith.StateAccepted, Created: now,
			Caller: "docs-api", Labels: map[string]string{"tenant": "acme"},
			Request: &runwith.Request{
				Parameters: map[string]any{"tenant": "***", "pages": json.Number("10"), "full": true},
				Labels:     map[string]string{"tenant": "acme"},
				Callback:   &runwith.Callback{URL: "https://api.example.com/hook"},
				Overrides: runwith.Overrides{
					Args: []string{}, Env: map[string]string{"LOG_LEVEL": "***"}, TaskCount: 2, Timeout: time.Minute,
					Containers: []runwith.ContainerOverride{{Name: "side", Args: []string{"a", "b c"}}},
				},
			},
		})
	})
}

func TestInvocation(t *testing.T) {
	t.Parallel()
	shown(t, `
Invocation 01a2
  Job        nightly
  State      failed
  Execution  projects/demo/locations/us-east4/jobs/nightly/executions/nightly-x7k2p
  Created    2026-07-01T11:00:00Z (1h ago)
  Started    2026-07-01T11:59:00Z (1m ago)
  Ended      2026-07-01T12:00:00Z (0s ago)
  Attempts   1
  Twins      1, cancelled

Failure
  Reason  NonZeroExitCode: 2 of 3 tasks failed
  Task 1  exit code 3 in attempt 2: The container exited with an error.
  Task 2  Timeout, signal 15 in attempt 1
  Stderr  Traceback
          ValueError:  [31mx

Tasks
  Count        3
  Running      0
  Succeeded    2
  Failed       1
  Cancelled    0
  Retried      0
  Interrupted  2, because the engine or its machine stopped
`, func(s *terminal.Screen) error { return Invocation(s, now, sampleInvocation()) })
}
