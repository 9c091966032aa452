package runwith

// Reason is why an execution failed, in the spelling of Cloud Run's API v1. The constants
// are the reasons that programs branch on; any other value is Cloud Run's own, such as
// SecretsAccessCheckFailed.
type Reason string

// The reasons.
const (
	// ReasonNonZeroExitCode means that a task exited with a non-zero code, or that a signal
	// ended it.
	ReasonNonZeroExitCode Reason = "NonZeroExitCode"
	// ReasonTimeout means that a task reached its timeout.
	ReasonTimeout Reason = "Timeout"
	// ReasonOutOfMemory means that a task reached its memory limit.
	ReasonOutOfMemory Reason = "OutOfMemory"
	// ReasonImagePull means that the image does not exist or cannot be pulled.
	ReasonImagePull Reason = "ImagePull"
	// ReasonStartFailed means that a task's program could not be started.
	ReasonStartFailed Reason = "StartFailed"
)

// Failure is the reason why an [Invocation] failed, was refused or is unresolved.
//
// Task, Attempt, ExitCode, Signal and Stderr describe the last attempt of the failed task
// with the lowest index. They are unset if no task failed, or if the invoker could not read
// the tasks.
type Failure struct {
	// Code is the name of a [Code]. For a failed invocation, ABORTED means that a task
	// exited with a non-zero code or by a signal, and DEADLINE_EXCEEDED that it reached
	// its timeout. Other codes mean that the execution could not run (NOT_FOUND: its
	// image is missing), and UNKNOWN that Cloud Run gave no reason.
	Code string `json:"code" doc:"Canonical code, such as NOT_FOUND. ABORTED if a task exited with a non-zero code or by a signal, DEADLINE_EXCEEDED if it reached its timeout."`
	// Reason is more exact than Code. It is empty unless the invocation failed and Cloud Run
	// gave a reason.
	Reason Reason `json:"reason,omitempty" doc:"Why the execution failed: NonZeroExitCode, Timeout, OutOfMemory, ImagePull, StartFailed, or another reason of Cloud Run in its own spelling. Absent if Cloud Run gave none." example:"NonZeroExitCode"`
	// Message names the first failed tasks, their attempts, and their exit codes or
	// signals.
	Message string `json:"message" doc:"Explanation for people."`

	// Task is the index of the task, from 0.
	Task *int `json:"task,omitempty" doc:"Index of the failed task with the lowest index, from 0; absent if no task failed."`
	// Attempt is the number of its last attempt, from 0, as in [LogLine].
	Attempt *int `json:"attempt,omitempty" doc:"Last attempt of that task, from 0, as in its log lines."`
	// ExitCode is the exit code of that attempt; 0 if it did not exit. Cloud Run reports a
	// task that was killed (SIGKILL) as 137.
	ExitCode int `json:"exitCode,omitempty" doc:"Exit code of that attempt; absent if it did not exit. 137 if it was killed."`
	// Signal is the number of the signal that ended that attempt; 0 if there was none.
	Signal int `json:"signal,omitempty" doc:"Number of the signal that ended that attempt."`
	// Stderr is the end of that attempt's standard error: ten lines at most, each of 1000
	// bytes at most. It is empty for a reader without the permission to see values.
	Stderr []string `json:"stderr,omitempty" nullable:"false" doc:"Last lines of that attempt's standard error: at most ten, each at most 1000 bytes. Absent for readers without the permission to see values."`

	// Tasks are the failed tasks with the lowest indexes, ten at most. It is empty if the
	// execution could not run, or if the invoker could not read its tasks.
	Tasks []TaskFailure `json:"tasks,omitempty" nullable:"false" doc:"Failed tasks with the lowest indexes, at most ten."`
}

// TaskFailure is how the last attempt of a failed task ended.
type TaskFailure struct {
	Task int `json:"task" doc:"Index of the task, from 0."`
	// Attempts is how often the task was attempted. The last attempt failed.
	Attempts int    `json:"attempts" doc:"Number of attempts, of which the last one failed."`
	Reason   Reason `json:"reason,omitempty" doc:"Why the last attempt failed; absent if Cloud Run gave no reason."`
	// ExitCode is the exit code; 0 if the task did not exit.
	ExitCode int `json:"exitCode,omitempty" doc:"Exit code; absent if the task did not exit. 137 if it was killed."`
	// Signal is the number of the signal that ended the task; 0 if there was none.
	Signal int `json:"signal,omitempty" doc:"Number of the signal that ended the task."`
	// Message is Cloud Run's own.
	Message string `json:"message,omitempty" doc:"Cloud Run's message about the attempt."`
}
