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
	const (
		first = `<ol><li class=w3>0–2 succeeded<li class=f>3 failed<li class=w6>4–9 succeeded<li class=w7>10–16 succeeded<li class="f w3">17–19 failed<li class=w10>20–29 succeeded`
		last  = "<li class=w10>90–99 succeeded</ol><ol><li>100 succeeded</ol>"
	)
	if got := string(d.Cells); strings.Count(got, "<li") != 14 || !strings.HasPrefix(got, first) || !strings.HasSuffix(got, last) {
		t.Errorf("cells = %s, want an item for neighbours in the same state", got)
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

// A task that is missing in the list has no cell.
func TestGridWithAGap(t *testing.T) {
	t.Parallel()
	cells := cellsOf([]runwith.Task{{Index: 0, State: runwith.TaskRunning}, {Index: 2, State: runwith.TaskRunning}, {Index: 3, State: runwith.TaskRunning}})
	if want := `<ol><li class=r>0 running<li class="r w2">2–3 running</ol>`; string(cells) != want {
		t.Errorf("cells = %s, want %s", cells, want)
	}
}

// 10,000 tasks fit on a page, however their states are mixed.
func TestLargeGrid(t *testing.T) {
	t.Parallel()
	var tasks []runwith.Task
	for n := range 10_000 {
		tasks = append(tasks, runwith.Task{Index: n, State: []runwith.TaskState{runwith.TaskFailed, runwith.TaskSucceeded}[n%2]})
	}
	var d tasksData
	d.fill(tasks)
	if size := len(d.Cells); size > 240<<10 {
		t.Errorf("the grid has %d bytes, want at most %d", size, 240<<10)
	}
	if len(d.Listed) != listedTasks {
		t.Errorf("listed tasks = %d, want %d", len(d.Listed), listedTasks)
	}
	if want := 5000 - listedTasks; d.More != want {
		t.Errorf("tasks beyond the list = %d, want %d", d.More, want)
	}
	if ranges := d.Groups[0].Ranges; !strings.HasSuffix(ranges, "and more") {
		t.Errorf("ranges = %q, want that there are more", ranges)
	}
}
