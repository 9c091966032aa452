package runwith

import "time"

// State is where an [Invocation] stands. A terminal state never changes again.
type State string

// The states of an invocation, in the order in which they are passed.
const (
	// StateAccepted: the request is on disk, and Cloud Run has not been asked yet,
	// or has certainly started nothing.
	StateAccepted State = "accepted"
	// StateQueued: the same, and it waits until those before it with the same
	// concurrency key have ended.
	StateQueued State = "queued"
	// StateStarting: Cloud Run is being asked to start the job, or was asked and
	// gave no clear answer: what became of it is being found out.
	StateStarting State = "starting"
	// StateRunning: an execution exists.
	StateRunning State = "running"
	// StateSucceeded: every task of the execution succeeded.
	StateSucceeded State = "succeeded"
	// StateFailed: the execution ended, and not every task succeeded.
	StateFailed State = "failed"
	// StateCancelled: the execution was cancelled, or the invocation before there
	// was one.
	StateCancelled State = "cancelled"
	// StateRefused: Cloud Run definitely would not start the job.
	StateRefused State = "refused"
	// StateUnresolved: it can no longer be known whether the job was started. It
	// is not started again; a person decides.
	StateUnresolved State = "unresolved"
)

// Terminal reports whether an invocation in state s has come to its end.
// Unresolved is not an end: a person can still decide.
func (s State) Terminal() bool {
	switch s {
	case StateSucceeded, StateFailed, StateCancelled, StateRefused:
		return true
	}
	return false
}

// Settled reports whether nothing more happens to an invocation in state s by
// itself: it is terminal, or waits for a person.
func (s State) Settled() bool { return s.Terminal() || s == StateUnresolved }

// Invocation is one request to start a job, and what became of it.
type Invocation struct {
	ID  string `json:"id" doc:"ID of the invocation."`
	Job string `json:"job" doc:"Job that was asked for."`

	State State `json:"state" enum:"accepted,queued,starting,running,succeeded,failed,cancelled,refused,unresolved" doc:"Where the invocation stands."`
	// Execution is the resource name of the Cloud Run execution, empty until
	// there is one.
	Execution string `json:"execution,omitempty" doc:"Resource name of the Cloud Run execution, once there is one."`

	// Created is when the invocation was accepted. Started and Finished are the
	// execution's own times, zero until they are known. All are in UTC.
	Created  time.Time `json:"created" doc:"When the invocation was accepted."`
	Started  time.Time `json:"started,omitzero" doc:"When the execution started to run."`
	Finished time.Time `json:"finished,omitzero" doc:"When the invocation came to its end."`

	Counts Counts `json:"counts" doc:"Tasks of the execution, counted by state."`
	// Attempts counts the calls to Cloud Run that were made to start the job.
	Attempts int `json:"attempts" doc:"Calls to Cloud Run that were made to start the job."`
	// CancelRequested is when somebody asked to cancel the invocation, zero where
	// nobody did.
	CancelRequested time.Time `json:"cancelRequested,omitzero" doc:"When somebody asked to cancel the invocation."`
	// Twins counts the executions beside Execution that were found to carry the
	// invocation's mark. Each is cancelled. There is one only where Cloud Run took
	// longer to show an execution than the invoker waits for it.
	Twins int `json:"twins,omitempty" doc:"Executions beyond the one that were found, and cancelled."`
	// Error says why an invocation failed, was refused or is unresolved.
	Error *Failure `json:"error,omitempty" doc:"Why the invocation failed, was refused or is unresolved."`
}

// Counts are an execution's tasks by state, as Cloud Run counts them.
type Counts struct {
	Tasks     int `json:"tasks" doc:"Tasks of the execution; 0 until it is known."`
	Running   int `json:"running"`
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
	Cancelled int `json:"cancelled"`
	Retried   int `json:"retried" doc:"Tasks that were attempted more than once."`
}

// Done is the number of tasks that have ended.
func (c Counts) Done() int { return c.Succeeded + c.Failed + c.Cancelled }

// Failure is the reason that an [Invocation] carries. ABORTED of one that failed is
// the job's own end: a task exited with another code than 0, which Message has.
// Other codes tell why the execution could not run (NOT_FOUND: its image is
// missing), and UNKNOWN that Cloud Run gives no reason.
type Failure struct {
	Code    string `json:"code" doc:"Canonical code, such as NOT_FOUND. ABORTED where a task exited with another code than 0."`
	Message string `json:"message" doc:"What happened."`
}

// Job is what the invoker tells of a Cloud Run job. Environment values are left
// out: they may be secrets.
type Job struct {
	Name       string      `json:"name" doc:"ID of the job."`
	Resource   string      `json:"resource" doc:"Resource name on Cloud Run."`
	TaskCount  int         `json:"taskCount"`
	MaxRetries int         `json:"maxRetries"`
	Timeout    string      `json:"timeout" doc:"Longest time of one attempt of a task, such as 10m0s."`
	Containers []Container `json:"containers"`
	Updated    time.Time   `json:"updated"`
}

// Container is one container of a [Job].
type Container struct {
	Name    string   `json:"name,omitempty"`
	Image   string   `json:"image"`
	Command []string `json:"command,omitempty"`
	Args    []string `json:"args,omitempty"`
}

// LogLine is one line that a task printed.
type LogLine struct {
	Time    time.Time `json:"time"`
	Task    int       `json:"task" doc:"Index of the task, from 0."`
	Attempt int       `json:"attempt" doc:"Attempt of the task, from 0."`
	// Stream is "stdout" or "stderr".
	Stream string `json:"stream" enum:"stdout,stderr"`
	// Text is the line without its newline.
	Text string `json:"text"`
}
