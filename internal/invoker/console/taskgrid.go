package console

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
)

const (
	// listedTasks is how many tasks the page lists, failed ones first.
	listedTasks = 50
	// taskReads is how often a live page reads the tasks of an execution that shows no change.
	taskReads = 10 * time.Second
	// cell is the size of a task in the grid, and gap the room between two.
	cell, gap = 8, 2
)

// tasksData is what the page of an invocation shows of its tasks.
type tasksData struct {
	Unknown string // why they are unknown; empty: they are known
	Count   int
	Groups  []taskGroup
	Listed  []runwith.Task // those that failed, or all if they are few
	Failed  bool           // Listed are only those that failed
	More    int            // how many are not listed
	Width   int            // of the grid, in pixels
	Height  int
	Columns int
}

// taskGroup is all tasks in one state.
type taskGroup struct {
	State  runwith.TaskState
	Count  int
	Ranges string // their indexes, such as 0–16, 21
	Path   string // of their cells in the grid, as SVG writes it
}

// tasksOf returns the tasks of an invocation. A live page reads them when its counts have changed,
// and now and then.
func (c *call) tasksOf(i runwith.Invocation) *tasksData {
	if i.Execution == "" {
		return nil
	}
	m := &c.memo
	if m.tasks != nil && m.counts == i.Counts && m.state == i.State && (i.State.Terminal() || time.Since(m.read) < taskReads) {
		return m.tasks
	}
	tasks, err := c.server.Invoker.Tasks(c.Context(), i.ID)
	if err != nil {
		return &tasksData{Unknown: apierror.Public(apierror.Ended(c.Context(), err)).Message}
	}
	m.tasks, m.counts, m.state, m.read = gridOf(tasks), i.Counts, i.State, time.Now()
	return m.tasks
}

// gridOf arranges tasks, which are sorted by index, in a grid about twice as wide as high.
func gridOf(tasks []runwith.Task) *tasksData {
	square := int(math.Ceil(math.Sqrt(2 * float64(len(tasks)))))
	d := &tasksData{Count: len(tasks), Columns: max(1, min(len(tasks), max(25, square)))}
	groups := map[runwith.TaskState]*groupBuilder{}
	for n, t := range tasks {
		g := groups[t.State]
		if g == nil {
			g = &groupBuilder{}
			groups[t.State] = g
		}
		g.add(t.Index, n%d.Columns*(cell+gap), n/d.Columns*(cell+gap))
	}
	for _, state := range []runwith.TaskState{runwith.TaskFailed, runwith.TaskCancelled, runwith.TaskRunning, runwith.TaskPending, runwith.TaskSucceeded} {
		if g := groups[state]; g != nil {
			d.Groups = append(d.Groups, taskGroup{state, g.count, g.indexes(), g.path.String()})
		}
	}
	rows := (len(tasks) + d.Columns - 1) / d.Columns
	d.Width, d.Height = d.Columns*(cell+gap)-gap, max(cell, rows*(cell+gap)-gap)
	d.list(tasks)
	return d
}

// list chooses the tasks that the page lists: all of a few, otherwise those that failed.
func (d *tasksData) list(tasks []runwith.Task) {
	d.Failed = len(tasks) > listedTasks
	for _, t := range tasks {
		switch {
		case d.Failed && t.State != runwith.TaskFailed:
		case len(d.Listed) == listedTasks:
			d.More++
		default:
			d.Listed = append(d.Listed, t)
		}
	}
}

// groupBuilder collects the tasks of one state.
type groupBuilder struct {
	count       int
	path        strings.Builder
	ranges      []string
	first, last int
}

func (g *groupBuilder) add(index, x, y int) {
	fmt.Fprintf(&g.path, "M%d %dh%dv%dh-%dz", x, y, cell, cell, cell)
	if g.count > 0 && index != g.last+1 {
		g.close()
		g.first = index
	}
	if g.count == 0 {
		g.first = index
	}
	g.last = index
	g.count++
}

// close ends a range of indexes.
func (g *groupBuilder) close() {
	if g.first == g.last {
		g.ranges = append(g.ranges, fmt.Sprint(g.first))
		return
	}
	g.ranges = append(g.ranges, fmt.Sprintf("%d–%d", g.first, g.last))
}

// shownRanges is how many ranges of indexes are shown.
const shownRanges = 20

// indexes returns the indexes as text.
func (g *groupBuilder) indexes() string {
	g.close()
	if more := len(g.ranges) - shownRanges; more > 0 {
		return strings.Join(g.ranges[:shownRanges], ", ") + " and more"
	}
	return strings.Join(g.ranges, ", ")
}
