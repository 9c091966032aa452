package engine

import (
	"testing"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// Whoever lists executions can cancel one before the scheduler knows it.
func TestAnExecutionCancelledBeforeItIsScheduledEnds(t *testing.T) {
	t.Parallel()
	for _, places := range []int{1, 0} { // with its first task claimed, and without
		k := keeping(t, 10)
		k.create("held", "sleep 1000")
		taken := k.scheduler.reserve(DefaultMaxTasks - places)
		var r run
		err := k.write(t.Context(), func(tx *storeTx) error {
			job, err := tx.job(jobspec.JobName{Location: tidyHome, Job: "held"})
			if err != nil {
				return err
			}
			return k.insertRun(tx, &r, runSpec{job: job})
		})
		if err != nil {
			t.Fatal(err)
		}
		cancel, err := k.CancelExecution(t.Context(), &runpb.CancelExecutionRequest{Name: r.row.message.Name})
		if err != nil {
			t.Fatal(err)
		}
		if err := k.begin(&r, nil); err != nil {
			t.Fatal(err)
		}
		op, err := k.WaitOperation(t.Context(), &longrunningpb.WaitOperationRequest{Name: cancel.Name, Timeout: durationpb.New(10e9)})
		if err != nil || !op.Done {
			t.Errorf("with %d places: the cancel's operation = %v, %v; want it done", places, op, err)
		}
		k.eventually("the scheduler has forgotten it", func() bool {
			k.scheduler.mu.Lock()
			defer k.scheduler.mu.Unlock()
			return len(k.scheduler.active) == 0
		})
		k.scheduler.release(taken)
	}
}
