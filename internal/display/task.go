package display

import (
	"strconv"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/terminal"
)

// Tasks shows the tasks of an invocation as a table.
func Tasks(s *terminal.Screen, tasks []runwith.Task) error {
	t := &terminal.Table{Head: []string{"TASK", "STATE", "ATTEMPTS", "TOOK", "EXIT", "MESSAGE"}}
	for _, one := range tasks {
		row := terminal.Cells(strconv.Itoa(one.Index), string(one.State), strconv.Itoa(one.Attempts), taskTime(one), taskExit(one), one.Message)
		row[1].Style = stateStyle(string(one.State))
		t.Add(row...)
	}
	return t.Write(s)
}

// taskTime returns how long a task took.
func taskTime(t runwith.Task) string {
	if t.Started.IsZero() || t.Finished.IsZero() {
		return never
	}
	return t.Finished.Sub(t.Started).Round(time.Millisecond).String()
}

// taskExit returns how the last attempt of a task has ended.
func taskExit(t runwith.Task) string {
	switch {
	case t.Signal != 0:
		return "signal " + strconv.Itoa(t.Signal)
	case t.ExitCode != nil:
		return strconv.Itoa(*t.ExitCode)
	}
	return never
}
