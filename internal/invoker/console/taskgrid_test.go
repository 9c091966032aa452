package console

import (
	"strings"
	"testing"

	"github.com/runwith/runwith"
)

// The grid says in text what it shows in colour: how many tasks are in each state, and which.
func TestGrid(t *testing.T) {
	t.Parallel()
	var tasks []runwith.Task
	for n := range 100 {
		state := runwith.TaskSucceeded
		if n == 3 || n >= 17 && n < 20 {
			state = runwith.TaskFailed
		}
		tasks = append(tasks, runwith.Task{Index: n, State: state})
	}
	d := gridOf(tasks)
	if d.Columns != 25 || d.Width != 25*10-2 || d.Height != 4*10-2 {
		t.Errorf("the grid has %d columns and is %d by %d, want 25, 248 and 38", d.Columns, d.Width, d.Height)
	}
	for n, want := range []taskGroup{{State: runwith.TaskFailed, Count: 4, Ranges: "3, 17–19"}, {State: runwith.TaskSucceeded, Count: 96, Ranges: "0–2, 4–16, 20–99"}} {
		g := d.Groups[n]
		if g.State != want.State || g.Count != want.Count || g.Ranges != want.Ranges || strings.Count(g.Path, "M") != want.Count {
			t.Errorf("group %d = %s, %d, %s with %d cells, want %+v", n, g.State, g.Count, g.Ranges, strings.Count(g.Path, "M"), want)
		}
	}
	if len(d.Listed) != 4 || !d.Failed || d.More != 0 {
		t.Errorf("%d tasks are listed, and %d more, want the four that failed", len(d.Listed), d.More)
	}
}

// 10,000 tasks fit on a page.
func TestLargeGrid(t *testing.T) {
	t.Parallel()
	var tasks []runwith.Task
	for n := range 10_000 {
		tasks = append(tasks, runwith.Task{Index: n, State: []runwith.TaskState{runwith.TaskFailed, runwith.TaskSucceeded}[n%2]})
	}
	d := gridOf(tasks)
	size := 0
	for _, g := range d.Groups {
		size += len(g.Path)
	}
	if size > 256<<10 || len(d.Listed) != listedTasks || d.More != 5000-listedTasks || !strings.HasSuffix(d.Groups[0].Ranges, "and more") {
		t.Errorf("the grid has %d bytes, and the list %d tasks and %d more", size, len(d.Listed), d.More)
	}
}
