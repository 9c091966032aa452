package engine_test

import (
	"context"
	"testing"
	"testing/synctest"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
)

// TestWaitHearsOfAChangedJob waits for a job that is ready when its execution has started. That
// execution waits for a place, and a change of the job ends the wait.
func TestWaitHearsOfAChangedJob(t *testing.T) {
	t.Parallel()
	job := func(token string) *runpb.UpdateJobRequest {
		job := &runpb.Job{Name: hello, Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{Containers: []*runpb.Container{{Image: "gcr.io/p/worker"}}}}}
		if token != "" {
			job.CreateExecution = &runpb.Job_StartExecutionToken{StartExecutionToken: token}
		}
		return &runpb.UpdateJobRequest{Job: job}
	}
	ctx := context.Background()
	for name, change := range map[string]func(*faulty) error{
		"an update": func(e *faulty) error {
			_, err := e.UpdateJob(ctx, job(""))
			return err
		},
		"a run that takes the token": func(e *faulty) error {
			_, err := e.RunJob(ctx, &runpb.RunJobRequest{Name: hello})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster()
			c.capacity = 1
			onCluster(t, c, func(e *faulty) {
				e.run() // takes the place
				op, err := e.UpdateJob(ctx, job("once"))
				if err != nil {
					t.Fatal(err)
				}
				waiting, cancel := context.WithCancel(ctx)
				defer cancel()
				var answer *longrunningpb.Operation
				go func() {
					answer, _ = e.WaitOperation(waiting, &longrunningpb.WaitOperationRequest{Name: op.Name})
				}()
				synctest.Wait()
				if answer != nil {
					t.Fatalf("WaitOperation() = %v, want it to wait", answer)
				}
				if err := change(e); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if !answer.GetDone() {
					t.Errorf("after %s, WaitOperation() = %v, want an operation that is done", name, answer)
				}
			})
		})
	}
}
