package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
)

// active is an execution in memory: one that has not ended, or one of the last that
// ended.
type active struct {
	id        int64
	execution *runpb.Execution // as it was created; never changed
	ctx       context.Context  //nolint:containedctx // ends when the execution is stopped, or has ended
	cancel    context.CancelCauseFunc
	width     int  // how many of its tasks may run at once
	begun     bool // an earlier process has placed one of its tasks, or it has none

	ended chan struct{} // closed when its end is on disk

	// row is the execution after the latest transaction, which may not be on disk yet. Only
	// transactions use it: they run one after the other.
	row executionRow

	mu     sync.Mutex
	latest *version  // the execution on disk; nil until it is there
	tasks  []taskNow // by index; nil once the execution has ended

	operations []string // that are done when it ends; guarded by live

	// Guarded by the scheduler.
	fresh   int         // the first task that had no attempt yet
	tasksIn int         // how many tasks it has
	again   []placement // placements that wait behind those tasks, in order
	running int
	queued  bool // stands in turns
}

// activate returns an execution as the engine holds it in memory.
func (e *Engine) activate(row *executionRow, tasks []taskNow) *active {
	x := row.message
	a := &active{id: row.id, execution: x, width: widthOf(x), row: *row, tasks: tasks, ended: make(chan struct{})}
	a.ctx, a.cancel = context.WithCancelCause(e.ctx)
	return a
}

func (a *active) stopped() bool { return errors.Is(context.Cause(a.ctx), errStopped) }

// version returns the execution as it stands on disk.
func (a *active) version() *version {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.latest
}

// set shows clients a version that was committed, and reports whether the execution ended
// with that commit.
func (a *active) set(v *version, change func([]taskNow)) (ended bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ended = v.state.terminal() && (a.latest == nil || !a.latest.state.terminal())
	a.latest = v
	if change != nil {
		change(a.tasks)
	}
	if ended {
		a.tasks = nil
	}
	return ended
}

// hasEnded reports whether the end of the execution is on disk.
func (a *active) hasEnded() bool {
	select {
	case <-a.ended:
		return true
	default:
		return false
	}
}

// task returns a task as it stands on disk, or nil if memory does not have it, or not yet.
func (a *active) task(i int) *taskRow {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.latest == nil || i < 0 || i >= len(a.tasks) {
		return nil
	}
	return a.tasks[i].row(a.latest.executionRow, i)
}

// tasksFrom returns at most limit tasks from an index on, or false if memory does not
// have them.
func (a *active) tasksFrom(first, limit int) (all []*taskRow, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := max(first, 0); i < len(a.tasks) && len(all) < limit; i++ {
		all = append(all, a.tasks[i].row(a.latest.executionRow, i))
	}
	return all, a.tasks != nil
}

// taskNow is a task in memory. There may be 10,000 of one execution, so it is small.
type taskNow struct {
	state              state
	attempt            int
	started, completed int64        // Unix nanoseconds; 0 for none
	last               *lastAttempt // nil if no attempt has ended, or it succeeded
}

// newTasks returns the tasks of a new execution, of which the first ones are claimed.
func newTasks(n, claimed int, at time.Time) []taskNow {
	tasks := make([]taskNow, n)
	for i := range tasks {
		tasks[i].state = pending
		if i < claimed {
			tasks[i].state, tasks[i].started = running, at.UnixNano()
		}
	}
	return tasks
}

func (t taskNow) row(x *executionRow, task int) *taskRow {
	row := &taskRow{
		execution: x, task: task, state: t.state, attempt: t.attempt,
		started: timeAt(t.started), completed: timeAt(t.completed),
	}
	if t.last != nil {
		row.last = *t.last
	}
	return row
}

// now is the row as memory holds it.
func (r *taskRow) now() taskNow {
	t := taskNow{state: r.state, attempt: r.attempt, started: nanos(r.started), completed: nanos(r.completed)}
	if r.last != (lastAttempt{}) {
		t.last = &r.last
	}
	return t
}
