package api_test

import (
	"context"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/fault"
)

// jobChange is one change of a job in the test of first answers.
type jobChange struct {
	what       string
	make       func(context.Context, *client) (jobOperation, error)
	generation int64
}

// jobOperation is what the operations of all changes of a job have in common.
type jobOperation interface {
	Done() bool
	Metadata() (*runpb.Job, error)
	Name() string
}

var jobChanges = []jobChange{
	{"CreateJob", func(ctx context.Context, c *client) (jobOperation, error) {
		return c.jobs.CreateJob(ctx, &runpb.CreateJobRequest{Parent: parent, JobId: helloID, Job: shell("true")})
	}, 1},
	{"UpdateJob", func(ctx context.Context, c *client) (jobOperation, error) {
		job := shell("true")
		job.Name = hello
		return c.jobs.UpdateJob(ctx, &runpb.UpdateJobRequest{Job: job})
	}, 2},
	{"DeleteJob", func(ctx context.Context, c *client) (jobOperation, error) {
		return c.jobs.DeleteJob(ctx, &runpb.DeleteJobRequest{Name: hello})
	}, 3},
}

// TestFirstAnswerIsNotDone has Google's recorded answers: the first one is not done, and
// the next one is.
func TestFirstAnswerIsNotDone(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		for _, change := range jobChanges {
			op, err := change.make(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			job, err := op.Metadata()
			if err != nil || op.Done() {
				t.Errorf("%s: done = %v, %v, want an operation that is not done", change.what, op.Done(), err)
			}
			wantReconciling(t, change, job)
			now := c.operation(t, op.Name())
			if err := now.Metadata.UnmarshalTo(job); err != nil {
				t.Fatal(err)
			}
			if !now.Done {
				t.Errorf("%s: second answer = %v, want it done", change.what, now)
			}
			if job.Reconciling {
				t.Errorf("%s: the job is reconciling in the second answer", change.what)
			}
			if job.ObservedGeneration != change.generation {
				t.Errorf("%s: observed generation = %d, want %d", change.what, job.ObservedGeneration, change.generation)
			}
			if job.TerminalCondition.GetState() != runpb.Condition_CONDITION_SUCCEEDED {
				t.Errorf("%s: terminal condition = %v, want the job ready", change.what, job.TerminalCondition)
			}
		}
	})
}

// wantReconciling checks a job in a change that has not taken effect.
func wantReconciling(t *testing.T, change jobChange, job *runpb.Job) {
	t.Helper()
	if !job.Reconciling || job.Generation != change.generation || job.ObservedGeneration != change.generation-1 {
		t.Errorf("%s: reconciling = %v, generation %d, observed %d; want true, %d, %d",
			change.what, job.Reconciling, job.Generation, job.ObservedGeneration, change.generation, change.generation-1)
	}
	want := &runpb.Condition{State: runpb.Condition_CONDITION_PENDING}
	if change.generation > 1 {
		want.Type, want.LastTransitionTime = "Ready", &timestamppb.Timestamp{}
		job.TerminalCondition.LastTransitionTime = &timestamppb.Timestamp{}
	}
	if diff := cmp.Diff(want, job.TerminalCondition, protocmp.Transform()); diff != "" {
		t.Errorf("%s: terminal condition (-want +got):\n%s", change.what, diff)
	}
}

func TestFirstAnswerToTheDeletionOfAnExecution(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		c.create(t, shell("true"))
		op, err := c.executions.DeleteExecution(t.Context(), &runpb.DeleteExecutionRequest{Name: c.run(t, nil).Name})
		if err != nil {
			t.Fatal(err)
		}
		x, err := op.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		if op.Done() {
			t.Error("the deletion of an ended execution is done, want it to go on")
		}
		if !x.Reconciling {
			t.Errorf("execution = %v, want it reconciling", x)
		}
		if x.DeleteTime == nil {
			t.Errorf("execution = %v, want a deletion time", x)
		}
		if x, err := op.Wait(t.Context()); err != nil || x.Reconciling {
			t.Errorf("Wait() = %v, %v, want it done", x, err)
		}
	})
}

// TestNotDone makes each change take effect late, longer than the test waits.
func TestNotDone(t *testing.T) {
	t.Parallel()
	for i, late := range jobChanges {
		s := openFaulty(t, t.TempDir(), engine.Config{}, fault.New(0, fault.Rule{Method: late.what, Kind: fault.NotDone, Delay: time.Hour}))
		c := dialREST(t, s)
		var op jobOperation
		for _, change := range jobChanges[:i+1] {
			var err error
			if op, err = change.make(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		waited, err := c.jobs.WaitOperation(t.Context(), &longrunningpb.WaitOperationRequest{Name: op.Name(), Timeout: durationpb.New(time.Millisecond)})
		if err != nil {
			t.Fatal(err)
		}
		for _, now := range []*longrunningpb.Operation{waited, c.operation(t, op.Name())} {
			job := &runpb.Job{}
			if err := now.Metadata.UnmarshalTo(job); err != nil || now.Done {
				t.Errorf("%s: operation %v, %v, want it not done", late.what, now, err)
			}
			wantReconciling(t, late, job)
		}
		if late.what != "DeleteJob" {
			wantReconciling(t, late, c.job(t, hello))
			c.run(t, nil) // is accepted
		}
	}
}

// TestNotDoneEnds waits for a change that takes effect late. Nothing writes to the database
// in between.
func TestNotDoneEnds(t *testing.T) {
	t.Parallel()
	s := openFaulty(t, t.TempDir(), engine.Config{}, fault.New(0, fault.Rule{Kind: fault.NotDone, Delay: 100 * time.Millisecond}))
	c := dialGRPC(t, s)
	for _, change := range jobChanges {
		op, err := change.make(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		done, err := c.jobs.WaitOperation(t.Context(), &longrunningpb.WaitOperationRequest{Name: op.Name()})
		if err != nil || !done.Done {
			t.Errorf("%s: WaitOperation() = %v, %v, want it done", change.what, done, err)
		}
		if change.what != "DeleteJob" && c.job(t, hello).Reconciling {
			t.Errorf("%s: the job is reconciling, want it ready", change.what)
		}
	}
}
