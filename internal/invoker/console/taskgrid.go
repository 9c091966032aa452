package console

import (
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
)

const (
	// listedTasks is how many tasks the page lists, failed ones first.
	listedTasks = 50
	// taskReads is how often a live page reads the tasks of an execution that shows no change,
	// and taskRead is how much longer it waits for each task: Cloud Run lists 100 in a call.
	taskReads, taskRead = 2 * time.Second, 2 * time.Millisecond
)

// tasksData is what the page of an invocation shows of its tasks.
type tasksData struct {
	Unknown string // why they are unknown; empty: they are known
	Count   int
	Groups  []taskGroup
	Listed  []runwith.Task // those that failed, or all if they are few
	Failed  bool           // Listed are only those that failed
	More    int            // how many are not listed
	// Cells are the lists of the grid. Same means that the browser has them.
	Cells template.HTML
	Same  bool

	all    []runwith.Task
	counts runwith.Counts // of the execution, when the tasks were read
	state  runwith.State
	read   time.Time
}

// taskGroup is all tasks in one state.
type taskGroup struct {
	State  runwith.TaskState
	Count  int
	Ranges string // their indexes, such as 0–16, 21
}

// tasksOf returns the tasks of an invocation; nil if there are none yet. A live page reads them
// when its counts have changed, and now and then.
func (c *call) tasksOf(i runwith.Invocation) *tasksData {
	if i.Execution == "" {
		return nil
	}
	if d := c.memo.tasks; d != nil && d.fresh(i) {
		d.Same = true
		return d
	}
	d := c.readTasks(i)
	if before := c.memo.tasks; before != nil {
		d.Same = before.Cells == d.Cells
	}
	if c.wantsStream() {
		c.memo.tasks = d
	}
	return d
}

// readTasks reads the tasks of an invocation that the caller sees. Those of an ended one never
// change.
func (c *call) readTasks(i runwith.Invocation) *tasksData {
	if d := c.server.tasks.of(i); d != nil {
		return d
	}
	d := &tasksData{counts: i.Counts, state: i.State, read: time.Now()}
	tasks, err := c.server.Invoker.Tasks(c.Context(), i.ID)
	if err != nil {
		d.Unknown = apierror.Public(apierror.Ended(c.Context(), err)).Message
	}
	d.fill(tasks)
	c.server.tasks.keep(i, d)
	return d
}

// fresh reports whether the tasks are still those of an invocation.
func (d *tasksData) fresh(i runwith.Invocation) bool {
	age := time.Since(d.read)
	switch {
	case age < taskRead*time.Duration(d.Count):
		return d.state == i.State || !i.State.Terminal()
	case d.counts == i.Counts && d.state == i.State:
		return i.State.Terminal() && d.Unknown == "" || age < taskReads
	}
	return false
}

// fill arranges tasks, which are sorted by index.
func (d *tasksData) fill(tasks []runwith.Task) {
	d.all, d.Count = tasks, len(tasks)
	indexes := map[runwith.TaskState]*ranges{}
	for _, t := range tasks {
		r := indexes[t.State]
		if r == nil {
			r = &ranges{}
			indexes[t.State] = r
		}
		r.add(t.Index)
	}
	d.Cells = cellsOf(tasks)
	for _, state := range []runwith.TaskState{runwith.TaskFailed, runwith.TaskCancelled, runwith.TaskRunning, runwith.TaskPending, runwith.TaskSucceeded} {
		if r := indexes[state]; r != nil {
			d.Groups = append(d.Groups, taskGroup{state, r.count, r.String()})
		}
	}
	d.list()
}

// Grid reports whether the tasks are too many to list all of them.
func (d *tasksData) Grid() bool { return d.Count > listedTasks }

// list chooses the tasks that the page lists: all of a few, otherwise those that failed.
func (d *tasksData) list() {
	d.Failed = d.Grid()
	for _, t := range d.all {
		switch {
		case d.Failed && t.State != runwith.TaskFailed:
		case len(d.Listed) == listedTasks:
			d.More++
		default:
			d.Listed = append(d.Listed, t)
		}
	}
}

// task returns the task with an index as text; nil if there is none.
func (d *tasksData) task(index string) *runwith.Task {
	n, err := strconv.Atoi(strings.TrimSpace(index))
	if d == nil || err != nil {
		return nil
	}
	for _, t := range d.all {
		if t.Index == n {
			return &t
		}
	}
	return nil
}

// ended returns how the last attempt of a task has ended.
func ended(t runwith.Task) string {
	switch {
	case t.Signal != 0:
		return "signal " + strconv.Itoa(t.Signal)
	case t.ExitCode != nil:
		return "exit code " + strconv.Itoa(*t.ExitCode)
	}
	return ""
}
