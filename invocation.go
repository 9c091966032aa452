package runwith

import (
	"fmt"
	"time"
)

// State is the state of an [Invocation]. A terminal state never changes.
type State string

// The states of an invocation, in their usual order.
const (
	// StateAccepted means that the request is on disk. The invoker has not called
	// Cloud Run yet, or the call certainly started nothing.
	StateAccepted State = "accepted"
	// StateQueued is like StateAccepted, but the invocation waits for earlier ones
	// with the same concurrency key to end.
	StateQueued State = "queued"
	// StateStarting means that the invoker is calling Cloud Run, or is determining
	// the outcome of a call without a clear answer.
	StateStarting State = "starting"
	// StateRunning means that the execution is known and has not ended.
	StateRunning State = "running"
	// StateSucceeded means that every task of the execution succeeded.
	StateSucceeded State = "succeeded"
	// StateFailed means that the execution ended and at least one task did not
	// succeed.
	StateFailed State = "failed"
	// StateCancelled means that the execution was cancelled, or the invocation
	// before it had an execution.
	StateCancelled State = "cancelled"
	// StateRefused means that Cloud Run rejected the start for good.
	StateRefused State = "refused"
	// StateUnresolved means that the invoker can no longer determine whether the job
	// started, or how it ended. The invoker does not start it again; a person
	// decides with [Client.Resolve].
	StateUnresolved State = "unresolved"
)

// Terminal reports whether state s is an end state. StateUnresolved is not, because
// a person can still decide.
func (s State) Terminal() bool {
	switch s {
	case StateSucceeded, StateFailed, StateCancelled, StateRefused:
		return true
	}
	return false
}

// Settled reports whether state s no longer changes by itself: it is terminal, or
// waits for a person.
func (s State) Settled() bool { return s.Terminal() || s == StateUnresolved }

// Invocation is one request to start a job, and its outcome.
type Invocation struct {
	ID  string `json:"id" doc:"ID of the invocation."`
	Job string `json:"job" doc:"ID of the job to start."`

	// Caller is the name of the caller who started it; empty for the anonymous caller and the
	// local user.
	Caller string `json:"caller,omitempty" doc:"Name of the caller who started it; absent without authentication."`
	// Labels are those of the request.
	Labels map[string]string `json:"labels,omitempty" doc:"Labels of the request."`
	// Request is what the caller asked for. Arguments, values of environment variables and
	// parameters, and the query of the callback's URL are "***", unless the reader may see
	// values. It is nil if the invocation was rebuilt from its execution.
	Request *Request `json:"request,omitempty" doc:"What the caller asked for. For readers without the grant values, arguments, values of variables and parameters, and the query of the callback's URL are ***."`

	// Source is the trigger or the schedule that started it; nil if a caller did.
	Source *Source `json:"source,omitempty" doc:"The trigger or the schedule that started it; absent if a caller did."`
	// RerunOf is the ID of the invocation that it repeats; empty for most.
	RerunOf string `json:"rerunOf,omitempty" doc:"ID of the invocation that this one runs again."`

	State State `json:"state" enum:"accepted,queued,starting,running,succeeded,failed,cancelled,refused,unresolved" doc:"State of the invocation."`
	// Execution is the resource name of the Cloud Run execution; empty until it is
	// known.
	Execution string `json:"execution,omitempty" doc:"Resource name of the Cloud Run execution; absent until it is known."`

	// Created is the time of acceptance. Started and Finished are the execution's own
	// times; zero until they are known. All are in UTC.
	Created  time.Time `json:"created" doc:"When the invocation was accepted."`
	Started  time.Time `json:"started,omitzero" doc:"When the execution started to run."`
	Finished time.Time `json:"finished,omitzero" doc:"When the invocation ended."`

	Counts Counts `json:"counts" doc:"Tasks of the execution, counted by state."`
	// Attempts is the number of calls to Cloud Run to start the job.
	Attempts int `json:"attempts" doc:"Number of calls to Cloud Run to start the job."`
	// CancelRequested is the time of the first request to cancel; zero without one.
	CancelRequested time.Time `json:"cancelRequested,omitzero" doc:"When a caller first asked to cancel the invocation."`
	// Twins is the number of duplicate executions that the invoker found and
	// cancelled. A duplicate is possible only if Cloud Run took longer to list an
	// execution than the invoker waits for it.
	Twins int `json:"twins,omitempty" doc:"Number of duplicate executions that were found and cancelled."`
	// Waiting is why the job has not been started yet; nil if the invoker starts it at
	// once, or has started it.
	Waiting *Waiting `json:"waiting,omitempty" doc:"Why the job has not been started yet; absent if nothing holds it back."`
	// History are the states that it has had, oldest first: at most 32, the first and the latest.
	// Answers about one invocation have it, and lists do not.
	History []Step `json:"history,omitempty" nullable:"false" doc:"States that it has had, oldest first: at most 32, the first and the latest. Absent in lists."`
	// Usage is an estimate of what its tasks have used; nil until that is known, which is a
	// moment after the end.
	Usage *Usage `json:"usage,omitempty" doc:"Estimate of what its tasks have used; absent until it is known, which is a moment after the end."`
	// Error is the reason if the invocation failed, was refused or is unresolved;
	// otherwise nil.
	Error *Failure `json:"error,omitempty" doc:"Why the invocation failed, was refused or is unresolved."`
}

// Step is one change of an [Invocation]'s state.
type Step struct {
	State State `json:"state" enum:"accepted,queued,starting,running,succeeded,failed,cancelled,refused,unresolved" doc:"The state that began."`
	// At is when the invoker wrote it down. Started and Finished of the invocation are Cloud
	// Run's own times.
	At time.Time `json:"at" doc:"When the invoker wrote it down."`
	// For is what the invocation had waited for until then; empty if it had not waited, or if the
	// invoker does not know.
	For     Hold   `json:"for,omitempty" enum:"start,slot,rate,budget,quota,cloud-run,search" doc:"What the invocation had waited for until then; absent if nothing had held it back."`
	Message string `json:"message,omitempty" doc:"Why, for people."`
}

// Source is what has started an [Invocation] instead of a caller: a trigger or a schedule.
type Source struct {
	// Trigger is the trigger's name, and Event the identity of its event.
	Trigger string `json:"trigger,omitempty" doc:"Name of the trigger."`
	Event   string `json:"event,omitempty" doc:"Identity of the trigger's event."`
	// Schedule is the schedule's name, and Slot the time for which it started the job.
	Schedule string    `json:"schedule,omitempty" doc:"Name of the schedule."`
	Slot     time.Time `json:"slot,omitzero" doc:"Time for which the schedule started the job."`
	// Manual means that a person has started the job for the schedule, and Slot is when.
	Manual bool `json:"manual,omitempty" doc:"Whether a person has started the schedule's job; slot is when."`
}

// Hold is what an [Invocation] waits for.
type Hold string

// The holds.
const (
	// HoldSlot means that the job's concurrency limit is reached.
	HoldSlot Hold = "slot"
	// HoldRate means that the job has started as often as its rate allows.
	HoldRate Hold = "rate"
	// HoldQuota means that Cloud Run's quota is used up.
	HoldQuota Hold = "quota"
	// HoldCloudRun means that Cloud Run does not answer, or refuses the invoker's
	// credentials.
	HoldCloudRun Hold = "cloud-run"
	// HoldStart means that the time to start has not come ([Request].StartAt).
	HoldStart Hold = "start"
	// HoldBudget means that the month's budget has no room for the job's worst case.
	HoldBudget Hold = "budget"
	// HoldSearch means that the outcome of a call is unknown, so the invoker searches
	// for the execution.
	HoldSearch Hold = "search"
)

// Waiting is why an [Invocation] has not been started yet.
type Waiting struct {
	For     Hold   `json:"for" enum:"start,slot,rate,budget,quota,cloud-run,search" doc:"What the invocation waits for."`
	Message string `json:"message" doc:"Explanation for people."`
	// Next is when the invoker tries again; zero if that depends on other invocations.
	Next time.Time `json:"next,omitzero" doc:"When the invoker tries again; absent if that depends on other invocations."`
}

// Counts is the number of an execution's tasks by state, as Cloud Run counts them.
type Counts struct {
	Tasks     int `json:"tasks" doc:"Tasks of the execution; 0 until it is known."`
	Running   int `json:"running"`
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
	Cancelled int `json:"cancelled"`
	Retried   int `json:"retried" doc:"Tasks that were attempted more than once."`
	// Interrupted is how often a task ran when the engine or its machine stopped. The
	// engine places such a task again, so its body may have run twice. Google's Cloud Run
	// does not count that.
	Interrupted int `json:"interrupted,omitempty" doc:"Times that a task ran when the engine or its machine stopped. Such a task runs again, unless the engine is told otherwise; absent on Google's Cloud Run."`
}

// Done returns the number of tasks that have ended.
func (c Counts) Done() int { return c.Succeeded + c.Failed + c.Cancelled }

// Job is a Cloud Run job as the invoker shows it. It omits environment variables,
// because their values may be secrets.
//
// In a list of a server with a configuration, the fields from Resource to Updated are unset:
// only Cloud Run knows them, and it is not asked for a list.
type Job struct {
	Name       string      `json:"name" doc:"ID of the job."`
	Resource   string      `json:"resource,omitempty" doc:"Resource name on Cloud Run."`
	TaskCount  int         `json:"taskCount,omitempty" doc:"Number of tasks."`
	MaxRetries int         `json:"maxRetries,omitempty" doc:"Most retries of a task; absent if it is 0."`
	Timeout    string      `json:"timeout,omitempty" doc:"Longest time of one attempt of a task, such as 10m0s."`
	Containers []Container `json:"containers,omitempty" nullable:"false" doc:"Containers of a task."`
	Updated    time.Time   `json:"updated,omitzero" doc:"When the job was last changed."`

	// Title and Description are for people. They come from the invoker's configuration, as
	// Parameters and Overrides do.
	Title       string `json:"title,omitempty" doc:"Name for people."`
	Description string `json:"description,omitempty" doc:"What the job does."`
	// Parameters are what a request can choose, by name.
	Parameters map[string]Parameter `json:"parameters,omitempty" doc:"What a request to start the job can choose, by name."`
	// Overrides are those that a request may have. Nil allows all.
	Overrides *AllowedOverrides `json:"overrides,omitempty" doc:"Overrides that a request may have beside its parameters. Absent if all are allowed."`
	// Verbs are what the caller may do with the job: start, view, cancel, values, operate.
	Verbs []string `json:"verbs,omitempty" nullable:"false" doc:"What you may do with the job: start, view, cancel, values, operate."`
}

// AllowedOverrides are the [Overrides] that a job's configuration allows.
type AllowedOverrides struct {
	Args bool `json:"args" doc:"Whether args may be replaced."`
	// Env are names of variables.
	Env []string `json:"env,omitempty" nullable:"false" doc:"Environment variables that may be set."`
	// MaxTasks is the largest TaskCount; 0 allows none.
	MaxTasks int `json:"maxTasks,omitempty" doc:"Largest number of tasks; absent if it must not be changed."`
	// MaxTimeout is the longest Timeout, such as 1h0m0s; empty allows none.
	MaxTimeout string `json:"maxTimeout,omitempty" doc:"Longest timeout; absent if it must not be changed."`
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
	// Position is where a log goes on behind this line, and the lines before it. It is the ID of
	// a server-sent event, and no field of the line.
	Position string `json:"-"`
}

// Labelled returns the text as a line for people. tasks is the number of tasks of the
// execution. [TASK.ATTEMPT] in front of the text names the line's origin, unless that
// is the first attempt of the only task.
func (l LogLine) Labelled(tasks int) string {
	if tasks <= 1 && l.Attempt == 0 {
		return l.Text
	}
	return fmt.Sprintf("[%d.%d] %s", l.Task, l.Attempt, l.Text)
}
