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
	for n := range 101 {
		state := runwith.TaskSucceeded
		if n == 3 || n >= 17 && n < 20 {
			state = runwith.TaskFailed
		}
		tasks = append(tasks, runwith.Task{Index: n, State: state})
	}
	var d tasksData
	d.fill(tasks)
	for n, want := range []taskGroup{{runwith.TaskFailed, 4, "3, 17–19"}, {runwith.TaskSucceeded, 97, "0–2, 4–16, 20–100"}} {
		if d.Groups[n] != want {
			t.Errorf("group %d = %+v, want %+v", n, d.Groups[n], want)
		}
	}
	if got := string(d.Cells); strings.Count(got, "<li") != 101 || !strings.HasPrefix(got, "<ol><li>0 succeeded<li>1 succeeded<li>2 succeeded<li class=f>3 failed<li>4 ") || !strings.HasSuffix(got, "<li>99 succeeded</ol><ol><li>100 succeeded</ol>") {
		t.Errorf("cells = %.100s, want one for each task", got)
	}
	if len(d.Listed) != 4 || !d.Failed || d.More != 0 {
		t.Errorf("%d tasks are listed, and %d more, want the four that failed", len(d.Listed), d.More)
	}
	if got := d.task("17"); got == nil || got.Index != 17 {
		t.Errorf("task 17 = %v", got)
	}
	if got := d.task("101"); got != nil {
		t.Errorf("task 101 = %v, want none", got)
	}
}

// 10,000 tasks fit on a page.
func TestLargeGrid(t *testing.T) {
	t.Parallel()
	var tasks []runwith.Task
	for n := range 10_000 {
		tasks = append(tasks, runwith.Task{Index: n, State: []runwith.TaskState{runwith.TaskFailed, runwith.TaskSucceeded}[n%2]})
	}
	var d tasksData
	d.fill(tasks)
	if len(d.Cells) > 240<<10 || len(d.Listed) != listedTasks || d.More != 5000-listedTasks || !strings.HasSuffix(d.Groups[0].Ranges, "and more") {
		t.Errorf("the grid has %d bytes, and the list %d tasks and %d more", len(d.Cells), len(d.Listed), d.More)
	}
}
