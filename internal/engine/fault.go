package engine

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
)

// Fault is a failure of an execution on demand, to test clients of Cloud Run. The zero
// value is no fault. Delays are not stored: after a restart, tasks start and executions
// are listed at once.
type Fault struct {
	// StartAfter holds its tasks back.
	StartAfter time.Duration
	// ListAfter keeps it out of lists for that time, as an eventually consistent list
	// does. GetExecution finds it.
	ListAfter time.Duration
	// NoTasks makes it fail, after StartAfter, before it has a task, as on Cloud Run when
	// the image is missing.
	NoTasks bool
}

// noTask is the task of the only placement of an execution without tasks. When its turn
// comes, the execution fails.
const noTask = -1

// faultOf returns the fault of an execution that is about to be stored.
func (e *Engine) faultOf(spec runSpec) Fault {
	if e.fault == nil || spec.dry {
		return Fault{}
	}
	return e.fault(spec.job.message.Name)
}

// holds reports whether the fault keeps tasks from being claimed when the execution is
// stored.
func (f Fault) holds() bool { return f.StartAfter > 0 || f.NoTasks }

// delayListing keeps a new execution out of lists for as long as its fault demands.
func (e *Engine) delayListing(uid string, f Fault) {
	if f.ListAfter > 0 {
		e.unlisted.add(uid, f.ListAfter)
	}
}

// addLater adds an execution to the scheduler after the delay of its fault.
func (e *Engine) addLater(a *active, after time.Duration) {
	timer := time.AfterFunc(after, func() { e.scheduler.add(a) })
	_ = context.AfterFunc(a.ctx, func() { timer.Stop() })
}

// failWithoutTasks ends an execution that has no task, unless it was stopped before.
func (e *Engine) failWithoutTasks(a *active) {
	// After an error, the execution is stopped or the engine closes: nothing is left to do.
	_ = e.persist("fail an execution without tasks", a.id, func(tx *storeTx) error {
		return tx.edit(a).failExecution(imageNotFound(a.execution))
	})
}

// imageNotFound returns Cloud Run's message for a missing image.
func imageNotFound(x *runpb.Execution) string {
	return fmt.Sprintf("Image '%s' not found.", x.Template.Containers[0].Image)
}

// keepListed adds the exclusion of executions that lists do not show yet to keep, which
// may be nil.
func (e *Engine) keepListed(keep func(*runpb.Execution) bool) func(*runpb.Execution) bool {
	return func(x *runpb.Execution) bool { return e.unlisted.left(x.Uid) == 0 && (keep == nil || keep(x)) }
}
