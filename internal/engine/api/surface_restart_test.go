package api_test

import (
	"path/filepath"
	"slices"
	"testing"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/runwith/runwith/internal/engine"
)

func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	for name, dial := range dials {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, gate := t.TempDir(), t.TempDir()
			s := openServer(t, dir, engine.Config{MaxTasks: 1})
			c := dial(t, s)
			c.create(t, held(gate))
			other := parent + "/jobs/other"
			if _, err := c.jobs.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: "other", Job: shell("echo printed; exit 3")}); err != nil {
				t.Fatal(err)
			}
			ended, endedOp := c.startJob(t, other)
			_, _ = endedOp.Wait(t.Context()) // it ends with an error
			ended = c.execution(t, ended.Name)
			running, runningOp := c.start(t)
			pid := pidIn(t, filepath.Join(gate, "0"))
			waiting, waitingOp := c.start(t)

			job := c.job(t, other)
			operations := c.operationNames(t, parent)
			op := c.operation(t, endedOp.Name())
			task := c.task(t, taskName(ended, 0))
			token, err := c.lists(t)["ListExecutions"](parent, 1, "", false)
			if err != nil {
				t.Fatal(err)
			}
			s.close()
			if alive(t, pid) {
				t.Error("the task's process outlived its server")
			}

			s = openServer(t, dir, engine.Config{MaxTasks: 1})
			c = dial(t, s)
			same(t, "the job", job, c.job(t, job.Name))
			same(t, "the execution that had ended", ended, c.execution(t, ended.Name))
			same(t, "its task", task, c.task(t, task.Name))
			same(t, "its operation", op, c.operation(t, op.Name))
			if got := s.output(t, ended); !slices.Equal(got, []string{"printed"}) {
				t.Errorf("its output after a restart = %q", got)
			}
			if got := c.operationNames(t, parent); !slices.Equal(got, operations) {
				t.Errorf("ListOperations() after a restart = %v, want %v", got, operations)
			}
			if _, err := c.lists(t)["ListExecutions"](parent, 1, token, false); err != nil {
				t.Errorf("ListExecutions() with a token from before the restart = %v", err)
			}
			open(t, gate)
			for of, name := range map[*runpb.Execution]string{running: runningOp.Name(), waiting: waitingOp.Name()} {
				x, err := c.jobs.RunJobOperation(name).Wait(t.Context())
				if err != nil || x.Name != of.Name || counts(x) != [5]int32{0, 1, 0, 0, 0} {
					t.Errorf("the run that went on = %v, %v, want %s to succeed at its first attempt", x, err, of.Name)
				}
			}
		})
	}
}

func same[M any](t *testing.T, what string, before, after M) {
	t.Helper()
	if diff := cmp.Diff(before, after, protocmp.Transform()); diff != "" {
		t.Errorf("%s differs after a restart (-before +after):\n%s", what, diff)
	}
}

func (c *client) operation(t *testing.T, name string) *longrunningpb.Operation {
	t.Helper()
	op, err := c.jobs.GetOperation(t.Context(), &longrunningpb.GetOperationRequest{Name: name})
	if err != nil {
		t.Fatalf("GetOperation(%q) = %v", name, err)
	}
	return op
}

func (c *client) task(t *testing.T, name string) *runpb.Task {
	t.Helper()
	task, err := c.tasks.GetTask(t.Context(), &runpb.GetTaskRequest{Name: name})
	if err != nil {
		t.Fatalf("GetTask(%q) = %v", name, err)
	}
	return task
}
