package runwithtest

import (
	"fmt"
	"io"
	"strconv"

	"github.com/runwith/runwith/internal/engine/runner/function"
)

// Task is one attempt of a task, passed to the function that replaces an image. The
// function may change it.
type Task struct {
	// Job and Execution are the IDs of the job and the execution.
	Job, Execution string
	// Index is the index of the task and Attempt the number of the attempt, both from 0.
	// Count is the number of tasks of the execution.
	Index, Attempt, Count int
	// Args are the container's arguments with the overrides applied.
	Args []string
	// Env is the whole environment: the container's with the overrides applied, and Cloud
	// Run's variables (such as CLOUD_RUN_TASK_INDEX). It has none of the test's variables.
	Env map[string]string
	// Stdout and Stderr take the task's output, which Cloud Logging serves. They may be
	// used concurrently. Writes fail after the attempt has ended.
	Stdout, Stderr io.Writer
}

// Lookup returns a variable of the environment, like [os.LookupEnv], for code that takes
// such a function.
func (t *Task) Lookup(name string) (value string, ok bool) {
	value, ok = t.Env[name]
	return value, ok
}

// ExitError ends an attempt with an exit code. Only the lowest 8 bits count. Code 0 is
// success.
type ExitError struct{ Code int }

// Error returns a text with the code.
func (e ExitError) Error() string { return fmt.Sprint("exit code ", e.Code) }

// ExitCode returns the code.
func (e ExitError) ExitCode() int { return e.Code }

func newTask(call *function.Call) *Task {
	number := func(name string) int {
		n, _ := strconv.Atoi(call.Env[name]) // the engine set it, so it is valid
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
