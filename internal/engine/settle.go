package engine

import (
	"context"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// firstAnswer returns the operation of a change of a job as Cloud Run first answers it: it
// is not done, and the job is reconciling. A client that does not wait finds neither a
// result nor a job that is ready. The next read has the operation as it is.
func firstAnswer(op *longrunningpb.Operation, job *runpb.Job) (*longrunningpb.Operation, error) {
	return openOperation(op.Name, reconciling(job))
}

// reconciling returns a copy of a job as Cloud Run shows it until the job's newest
// generation, a deletion included, has taken effect. A new job has no condition yet.
func reconciling(job *runpb.Job) *runpb.Job {
	job = proto.CloneOf(job)
	job.Reconciling = true
	job.ObservedGeneration = job.Generation - 1
	job.TerminalCondition = &runpb.Condition{State: runpb.Condition_CONDITION_PENDING}
	if job.ObservedGeneration > 0 {
		job.TerminalCondition.Type, job.TerminalCondition.LastTransitionTime = readyCondition, job.UpdateTime
	}
	return job
}

// readyCondition is the condition that decides whether a job can be started.
const readyCondition = "Ready"

// reopened returns the first answer to the deletion of an execution, which may have ended:
// the operation is not done.
func reopened(op *longrunningpb.Operation, x *runpb.Execution) (*longrunningpb.Operation, error) {
	shown := proto.CloneOf(x)
	shown.Reconciling = true
	packed, err := anypb.New(shown)
	return &longrunningpb.Operation{Name: op.Name, Metadata: packed}, err
}

type settleKey struct{}

// SettleAfter returns a context for CreateJob, UpdateJob and DeleteJob. The change is
// stored at once, but for that time its operation is not done, and the job is reconciling.
// The delay is not stored: a restart ends it.
func SettleAfter(ctx context.Context, delay time.Duration) context.Context {
	return context.WithValue(ctx, settleKey{}, delay)
}

// unsettle begins the delay of a change of a job, if ctx demands one, once the transaction
// is on disk.
func (tx *storeTx) unsettle(ctx context.Context, job int64) {
	delay, _ := ctx.Value(settleKey{}).(time.Duration)
	if delay <= 0 {
		return
	}
	tx.OnEnd(func(committed bool) {
		if committed {
			tx.engine.unsettled.add(job, delay)
		}
	})
}
