package engine

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
)

// Fault is what goes wrong with an execution on demand, to test who calls Cloud Run
// with. The zero value is nothing. Only what an engine's life holds is remembered of
// it: after a restart, tasks start and executions are listed without delay.
type Fault struct {
	// StartAfter holds its tasks back.
	StartAfter time.Duration
	// ListAfter keeps it out of lists of executions, as a list that is only
	// eventually consistent does. It can be read by its name meanwhile.
	ListAfter time.Duration
	// NoTasks has it fail, after StartAfter, before it has a task: as on Cloud Run
	// when the image is gone.
	NoTasks bool
}

// noTask is the task of the one placement of an execution without tasks, whose turn
// is its end.
const noTask = -1

// faultOf asks what is to go wrong with an execution that is about to be stored.
func (e *Engine) faultOf(spec runSpec) Fault {
	if e.fault == nil || spec.dry {
		return Fault{}
	}
	return e.fault(spec.job.message.Name)
}

// holds reports whether no task of the execution may be claimed when it is stored.
func (f Fault) holds() bool { return f.StartAfter > 0 || f.NoTasks }

// delayListing keeps a new execution out of lists for as long as its fault demands.
func (e *Engine) delayListing(uid string, f Fault) {
	if f.ListAfter > 0 {
		e.unlisted.add(uid, f.ListAfter)
	}
}

// addLater is the scheduler's add, when the time of a fault has passed.
func (e *Engine) addLater(a *active, after time.Duration) {
	timer := time.AfterFunc(after, func() { e.scheduler.add(a) })
	_ = context.AfterFunc(a.ctx, func() { timer.Stop() })
}

// failWithoutTasks ends an execution that has no task, unless it was stopped before.
func (e *Engine) failWithoutTasks(a *active) {
	// An error says that it was stopped, or that the engine closes: the next start goes on.
	_ = e.persist("fail an execution without tasks", a.id, func(tx *storeTx) error {
		return tx.edit(a).failExecution(imageNotFound(a.execution))
	})
}

// imageNotFound is Cloud Run's message for an image that is gone.
func imageNotFound(x *runpb.Execution) string {
	return fmt.Sprintf("Image '%s' not found.", x.Template.Containers[0].Image)
}

// unlisted are the executions that no list shows yet. The zero value is ready, and
// its methods may be called concurrently.
type unlisted struct {
	mu    sync.Mutex
	until map[string]time.Time // by UID
}

func (u *unlisted) add(uid string, after time.Duration) {
	now := time.Now()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.until == nil {
		u.until = map[string]time.Time{}
	}
	maps.DeleteFunc(u.until, func(_ string, until time.Time) bool { return !now.Before(until) })
	u.until[uid] = now.Add(after)
}

// keeping is keep, which may be nil, for a list without what is not listed yet.
func (u *unlisted) keeping(keep func(*runpb.Execution) bool) func(*runpb.Execution) bool {
	return func(x *runpb.Execution) bool { return !u.hides(x.Uid) && (keep == nil || keep(x)) }
}

func (u *unlisted) hides(uid string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return time.Now().Before(u.until[uid])
}
