package runwith

import (
	"context"
	"net/url"
	"time"
)

// TaskState is the state of a [Task].
type TaskState string

// The states of a task.
const (
	// TaskPending means that the task waits for its first attempt, or for a retry.
	TaskPending TaskState = "pending"
	TaskRunning TaskState = "running"
	// TaskSucceeded means that an attempt exited with code 0.
	TaskSucceeded TaskState = "succeeded"
	// TaskFailed means that the last attempt failed, and no retry is left.
	TaskFailed TaskState = "failed"
	// TaskCancelled means that the execution was cancelled before the task ended.
	TaskCancelled TaskState = "cancelled"
)

// Ended reports whether state s never changes.
func (s TaskState) Ended() bool {
	switch s {
	case TaskSucceeded, TaskFailed, TaskCancelled:
		return true
	}
	return false
}

// Task is one task of an invocation's execution.
type Task struct {
	Index int       `json:"index" doc:"Index of the task, from 0."`
	State TaskState `json:"state" enum:"pending,running,succeeded,failed,cancelled" doc:"State of the task."`
	// Attempts is the number of attempts that have begun.
	Attempts int `json:"attempts" doc:"Number of attempts that have begun."`
	// Started is the start of the first attempt. Started and Finished are zero until they are
	// known. Both are in UTC.
	Started  time.Time `json:"started,omitzero" doc:"When the first attempt started."`
	Finished time.Time `json:"finished,omitzero" doc:"When the task ended."`
	// ExitCode is that of the last attempt that has ended; nil if it is unknown.
	ExitCode *int `json:"exitCode,omitempty" doc:"Exit code of the last attempt that has ended; absent if it is unknown."`
	// Signal is the number of the signal that ended that attempt; 0 if there was none.
	Signal int `json:"signal,omitempty" doc:"Number of the signal that ended that attempt."`
	// Message is why that attempt failed, in Cloud Run's words; empty if it did not fail.
	Message string `json:"message,omitempty" doc:"Why that attempt failed, in Cloud Run's words."`
}

// Change is one setting in which an invocation's execution differs from its job.
type Change struct {
	// Container is the name of the container; empty if the setting is not a container's, or if
	// the job has one container without a name.
	Container string `json:"container,omitempty" doc:"Name of the container; absent if the setting is not a container's, or the only container has no name."`
	// Field is args, env, taskCount or timeout.
	Field string `json:"field" enum:"args,env,taskCount,timeout" doc:"The setting."`
	// Name is that of the variable, if Field is env.
	Name string `json:"name,omitempty" doc:"Name of the variable."`
	// Job is the job's value, and Run that of the execution. Nil means that there is none. Values
	// of arguments and variables are "***", unless the reader may see values.
	Job []string `json:"job,omitempty" nullable:"false" doc:"Value of the job as it is now; absent if it has none. Arguments and values of variables are *** for readers without the grant values."`
	Run []string `json:"run,omitempty" nullable:"false" doc:"Value of the execution; absent if it has none."`
}

// Tasks returns the tasks of an invocation's execution, by index. If states are given, it
// returns the tasks in these states only. There are none until the execution is known.
//
// Errors: [NotFound] if there is no such invocation, [FailedPrecondition] if Cloud Run no
// longer has its execution, [ResourceExhausted] if Cloud Run's quota is used up.
func (c *Client) Tasks(ctx context.Context, id string, states ...TaskState) ([]Task, error) {
	type list struct {
		Tasks []Task `json:"tasks"`
	}
	path, err := escape("invocations", "invocation", id)
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	for _, s := range states {
		query.Add("state", string(s))
	}
	l, err := decode[list](c.send(ctx, request{path: path + "/tasks", query: query}))
	if err != nil {
		return nil, err
	}
	return l.Tasks, nil
}

// Changes returns in what an invocation's execution differs from its job as it is now.
func (c *Client) Changes(ctx context.Context, id string) ([]Change, error) {
	type list struct {
		Changes []Change `json:"changes"`
	}
	path, err := escape("invocations", "invocation", id)
	if err != nil {
		return nil, err
	}
	l, err := decode[list](c.send(ctx, request{path: path + "/changes"}))
	if err != nil {
		return nil, err
	}
	return l.Changes, nil
}
