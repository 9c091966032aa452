package display

import (
	"cmp"
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
	v.Row("Reason", why(f))
	for _, t := range f.Tasks {
		v.Row("Task "+strconv.Itoa(t.Task), taskFailure(t))
	}
	for _, line := range f.Stderr {
		v.Row("Stderr", line)
	}
}

// why returns the reason of a failure in one line: Cloud Run's word, or else the code,
// and the message.
func why(f *runwith.Failure) string { return cmp.Or(string(f.Reason), f.Code) + ": " + f.Message }

// taskFailure returns how the last attempt of a task ended.
func taskFailure(t runwith.TaskFailure) string {
	text := "failed"
	switch {
	case t.Signal != 0:
		text = fmt.Sprintf("signal %d", t.Signal)
	case t.ExitCode != 0:
		text = fmt.Sprintf("exit code %d", t.ExitCode)
	}
	switch t.Reason {
	case "", runwith.ReasonNonZeroExitCode: // the code or signal shows it
	default:
		text = fmt.Sprintf("%s, %s", t.Reason, text)
	}
	text += fmt.Sprintf(" in attempt %d", t.Attempts)
	if t.Message != "" {
		text += ": " + t.Message
	}
	return text
}
