package api_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/grpc/codes"
)

func TestStartTokenNamesTheExecution(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		job := shell("true")
		job.CreateExecution = &runpb.Job_StartExecutionToken{StartExecutionToken: "first"}
		created := c.create(t, job)
		if created.Reconciling || created.TerminalCondition.GetState() != runpb.Condition_CONDITION_SUCCEEDED {
			t.Errorf("the job = %v, want it ready: its execution has started", created.TerminalCondition)
		}
		if got, want := c.executionNames(t, hello), []string{hello + "/executions/hello-first"}; !slices.Equal(got, want) {
			t.Errorf("executions = %v, want %v", got, want)
		}
		// The same token again starts nothing; another one does.
		job.Name = hello
		for _, token := range []string{"first", "second"} {
			job.CreateExecution = &runpb.Job_StartExecutionToken{StartExecutionToken: token}
			op, err := c.jobs.UpdateJob(t.Context(), &runpb.UpdateJobRequest{Job: job})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := op.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		}
		want := []string{hello + "/executions/hello-second", hello + "/executions/hello-first"}
		if got := c.executionNames(t, hello); !slices.Equal(got, want) {
			t.Errorf("executions after two updates = %v, want %v", got, want)
		}
		job.CreateExecution = &runpb.Job_StartExecutionToken{StartExecutionToken: "first"}
		if _, err := c.jobs.UpdateJob(t.Context(), &runpb.UpdateJobRequest{Job: job}); codeOf(err) != codes.AlreadyExists {
			t.Errorf("UpdateJob() with an old token = %v, want AlreadyExists", err)
		}
	})
}

// TestRunDropsTheToken starts a job whose token has started an execution. On Cloud Run the
// job then has no token, and the same token is a name that is taken.
func TestRunDropsTheToken(t *testing.T) {
	t.Parallel()
	for kind, with := range map[string]func(*runpb.Job){
		"start": func(job *runpb.Job) {
			job.CreateExecution = &runpb.Job_StartExecutionToken{StartExecutionToken: "once"}
		},
		"run": func(job *runpb.Job) {
			job.CreateExecution = &runpb.Job_RunExecutionToken{RunExecutionToken: "once"}
		},
	} {
		everyClient(t, func(t *testing.T, _ *server, c *client) {
			job := shell("true")
			with(job)
			created := c.create(t, job)
			if _, err := c.jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: hello, ValidateOnly: true}); err != nil {
				t.Fatal(err)
			}
			if got := c.job(t, hello); got.CreateExecution == nil {
				t.Errorf("%s token after a run that was only validated = none, want it kept", kind)
			}
			c.run(t, nil)
			got := c.job(t, hello)
			if got.CreateExecution != nil || got.Generation != created.Generation || got.TerminalCondition.GetState() != runpb.Condition_CONDITION_SUCCEEDED {
				t.Errorf("after a run: %s token = %v, generation %d, Ready %v; want none, %d, ready", kind, got.CreateExecution, got.Generation, got.TerminalCondition, created.Generation)
			}
			job.Name = hello
			_, err := c.jobs.UpdateJob(t.Context(), &runpb.UpdateJobRequest{Job: job})
			wantCode(t, "UpdateJob() with the same "+kind+" token", err, codes.AlreadyExists, "Resource 'hello-once' already exists.")
		})
	}
}

func TestRunTokenMakesTheJobReady(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		gate := filepath.Join(t.TempDir(), "gate")
		job := shell(`while [ ! -e "$1" ]; do sleep 0.01; done`)
		job.Template.Template.Containers[0].Args = []string{gate}
		job.CreateExecution = &runpb.Job_RunExecutionToken{RunExecutionToken: "once"}
		op, err := c.jobs.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: helloID, Job: job})
		if err != nil {
			t.Fatal(err)
		}
		waiting, err := c.jobs.GetJob(t.Context(), &runpb.GetJobRequest{Name: hello})
		if err != nil {
			t.Fatal(err)
		}
		if op.Done() || !waiting.Reconciling || waiting.TerminalCondition.GetState() != runpb.Condition_CONDITION_RECONCILING {
			t.Errorf("before the execution's end: operation done = %v, job = %v; want both to go on", op.Done(), waiting.TerminalCondition)
		}
		if err := os.WriteFile(gate, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		ready, err := op.Wait(t.Context())
		if err != nil || ready.Reconciling || ready.TerminalCondition.GetState() != runpb.Condition_CONDITION_SUCCEEDED {
			t.Errorf("CreateJob().Wait() = %v, %v, want a job that is ready", ready.GetTerminalCondition(), err)
		}
	})
}

func TestRunTokenOfFailedExecution(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		job := shell("exit 1")
		job.CreateExecution = &runpb.Job_RunExecutionToken{RunExecutionToken: "once"}
		op, err := c.jobs.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: helloID, Job: job})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := op.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "hello-once failed") {
			t.Errorf("CreateJob().Wait() = %v, want the failure of hello-once", err)
		}
		got, err := c.jobs.GetJob(t.Context(), &runpb.GetJobRequest{Name: hello})
		if err != nil || got.TerminalCondition.GetState() != runpb.Condition_CONDITION_FAILED {
			t.Errorf("Ready = %v, %v, want it failed", got.GetTerminalCondition(), err)
		}
	})
}

func TestTokenOfDeletedJobIsFree(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		for range 2 {
			job := shell("true")
			job.CreateExecution = &runpb.Job_RunExecutionToken{RunExecutionToken: "same"}
			c.create(t, job)
			if got, want := c.executionNames(t, hello), []string{hello + "/executions/hello-same"}; !slices.Equal(got, want) {
				t.Errorf("executions = %v, want %v", got, want)
			}
			op, err := c.jobs.DeleteJob(t.Context(), &runpb.DeleteJobRequest{Name: hello})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := op.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
