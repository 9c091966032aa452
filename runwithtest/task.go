package runwithtest

import (
	"fmt"
	"io"
	"strconv"

	"github.com/runwith/runwith/internal/engine/runner/function"
)

// Task is one attempt of a task, as a function sees it that stands in for an image. It
// belongs to the function.
type Task struct {
	// Job and Execution are their IDs.
	Job, Execution string
	// Index is the task's, Attempt that of its attempts, both from 0, and Count how many
	// tasks the execution has.
	Index, Attempt, Count int
	// Args are the container's arguments, overrides applied.
	Args []string
	// Env is the whole environment: the container's, overrides applied, and what Cloud
	// Run sets (CLOUD_RUN_TASK_INDEX and its like). Nothing of the test's own is in it.
	Env map[string]string
	// Stdout and Stderr keep what is written to them as the task's output, which Cloud
	// Logging shows. They may be written to concurrently, until the attempt has ended.
	Stdout, Stderr io.Writer
}

// Lookup returns a variable of the environment, as [os.LookupEnv] does, for code that
// takes that function.
func (t *Task) Lookup(name string) (value string, ok bool) {
	value, ok = t.Env[name]
	return value, ok
}

// ExitError ends an attempt with an exit code, of which the last 8 bits count. Code 0 is
// success.
type ExitError struct{ Code int }

// Error names the code.
func (e ExitError) Error() string { return fmt.Sprint("exit code ", e.Code) }

// ExitCode returns the code.
func (e ExitError) ExitCode() int { return e.Code }

func newTask(call *function.Call) *Task {
	number := func(name string) int {
		n, _ := strconv.Atoi(call.Env[name]) // the engine has written it
		return n
	}
	return &Task{
		Job:       call.Env["CLOUD_RUN_JOB"],
		Execution: call.Env["CLOUD_RUN_EXECUTION"],
		Index:     number("CLOUD_RUN_TASK_INDEX"),
		Attempt:   number("CLOUD_RUN_TASK_ATTEMPT"),
		Count:     number("CLOUD_RUN_TASK_COUNT"),
		Args:      call.Args,
		Env:       call.Env,
		Stdout:    call.Stdout,
		Stderr:    call.Stderr,
	}
}
