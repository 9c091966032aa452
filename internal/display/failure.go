package display

import (
	"fmt"
	"strconv"

	"github.com/runwith/runwith"
)

// failure adds a section with the reason of a failure, if there is one: the tasks that
// failed, and the last lines of standard error.
func (v *view) failure(f *runwith.Failure) {
	if f == nil {
		return
	}
	v.Begin("Failure")
	v.Row("Reason", f.Code+": "+f.Message)
	for _, t := range f.Tasks {
		v.Row("Task "+strconv.Itoa(t.Task), taskFailure(t))
	}
	for _, t := range f.Tasks {
		for _, line := range t.Stderr {
			v.Row("Stderr", line)
		}
	}
}

// taskFailure returns how the last attempt of a task ended.
func taskFailure(t runwith.TaskFailure) string {
	text := "failed"
	switch {
	case t.Signal != 0:
		text = fmt.Sprintf("signal %d", t.Signal)
	case t.ExitCode != 0:
		text = fmt.Sprintf("exit code %d", t.ExitCode)
	}
	text += fmt.Sprintf(" in attempt %d", t.Attempts)
	if t.Message != "" {
		text += ": " + t.Message
	}
	return text
}
