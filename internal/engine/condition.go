package engine

import (
	"fmt"
	"strings"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// conditions returns the conditions of an execution. Completed is the result; the others
// are the steps before it.
//
// Deviation: there is no condition Retry, all steps are met when the first task starts,
// and messages are ours if Google's are not known.
//
// See https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2#condition.
func (r *executionRow) conditions() []*runpb.Condition {
	return []*runpb.Condition{
		r.completedCondition(),
		r.stepCondition("ResourcesAvailable", "Provisioned imported containers."),
		r.stepCondition("Started", startedMessage(r.message.CreateTime.AsTime(), r.started)),
		r.stepCondition("ContainerReady", "Imported container image."),
	}
}

// condition returns the state of the condition Completed.
func (s state) condition() runpb.Condition_State {
	switch s {
	case pending:
		return runpb.Condition_CONDITION_PENDING
	case running:
		return runpb.Condition_CONDITION_RECONCILING
	case succeeded:
		return runpb.Condition_CONDITION_SUCCEEDED
	}
	return runpb.Condition_CONDITION_FAILED
}

// completedCondition returns the condition that holds the result.
//
// Deviation: NON_ZERO_EXIT_CODE is the reason of every failure, even of a timeout;
// DELAYED_START_PENDING and JOB_STATUS_SERVICE_POLLING_ERROR do not occur.
func (r *executionRow) completedCondition() *runpb.Condition {
	c := &runpb.Condition{Type: "Completed", State: r.state.condition(), LastTransitionTime: r.lastTransition(r.completed)}
	switch r.state {
	case succeeded:
		c.Message = fmt.Sprintf("Execution completed successfully in %s.", seconds(r.completed.Sub(r.started)))
	case failed:
		if r.counts.tasks == 0 {
			c.Message, c.Reasons = r.failure, &runpb.Condition_Reason{Reason: runpb.Condition_CONTAINER_MISSING}
			break
		}
		c.Message = fmt.Sprintf("Task %s-%s", r.shortID(), r.failure)
		c.Reasons = &runpb.Condition_ExecutionReason_{ExecutionReason: runpb.Condition_NON_ZERO_EXIT_CODE}
	case cancelled:
		c.Message = fmt.Sprintf("Execution %s was cancelled.", r.shortID())
	}
	if r.stop != notStopped && r.state != succeeded && r.state != failed { // those ended before the stop
		c.Reasons = &runpb.Condition_ExecutionReason_{ExecutionReason: r.stopReason()}
	}
	return c
}

// stopReason returns the reason that an execution shows after a stop.
func (r *executionRow) stopReason() runpb.Condition_ExecutionReason {
	switch {
	case r.stop == stopDelete:
		return runpb.Condition_DELETED
	case !r.state.terminal():
		return runpb.Condition_CANCELLING
	}
	return runpb.Condition_CANCELLED
}

// stepCondition returns a condition that is met when the first task starts.
func (r *executionRow) stepCondition(kind, message string) *runpb.Condition {
	return step{r.message.CreateTime, r.started, r.completed}.condition(kind, message, r.state)
}

// lastTransition returns the time of a condition's last change: the time given, or the
// execution's creation if there is none yet.
func (r *executionRow) lastTransition(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return r.message.CreateTime
	}
	return timestamppb.New(t)
}

// step holds the times that decide a condition of a step.
type step struct {
	created            *timestamppb.Timestamp
	started, completed time.Time
}

// condition returns a condition that is met when the first task starts.
//
// Deviation: it fails if the execution ends before that; Cloud Run documents nothing.
func (s step) condition(kind, message string, now state) *runpb.Condition {
	c := &runpb.Condition{Type: kind, State: runpb.Condition_CONDITION_PENDING, LastTransitionTime: s.created}
	switch {
	case !s.started.IsZero():
		c.State, c.Message = runpb.Condition_CONDITION_SUCCEEDED, message
		c.LastTransitionTime = timestamppb.New(s.started)
	case now.terminal():
		c.State = runpb.Condition_CONDITION_FAILED
		c.LastTransitionTime = timestamppb.New(s.completed)
	}
	return c
}

// conditions returns the conditions of a task.
//
// Deviation: if the task waits for a machine, the condition Started has the reason.
func (r *taskRow) conditions() []*runpb.Condition {
	created := r.execution.message.CreateTime
	at := step{created, r.started, r.completed}
	if r.waiting != "" {
		return []*runpb.Condition{
			r.completedCondition(),
			{Type: "Started", State: runpb.Condition_CONDITION_PENDING, Message: r.waiting, LastTransitionTime: timestamppb.New(r.started)},
			{Type: "ContainerReady", State: runpb.Condition_CONDITION_PENDING, LastTransitionTime: timestamppb.New(r.started)},
		}
	}
	return []*runpb.Condition{
		r.completedCondition(),
		at.condition("Started", startedMessage(created.AsTime(), r.started), r.state),
		at.condition("ContainerReady", "Imported container image.", r.state),
	}
}

func (r *taskRow) completedCondition() *runpb.Condition {
	c := &runpb.Condition{Type: "Completed", State: r.state.condition(), LastTransitionTime: r.execution.lastTransition(r.completed)}
	switch r.state {
	case succeeded:
		c.Message = fmt.Sprintf("Task completed successfully in %s.", seconds(r.completed.Sub(r.started)))
	case failed:
		c.Message = fmt.Sprintf("Task %s failed with message: %s", r.id(), r.last.status)
		c.Reasons = &runpb.Condition_ExecutionReason_{ExecutionReason: runpb.Condition_NON_ZERO_EXIT_CODE}
	case cancelled:
		c.Message = "The task was cancelled."
		c.Reasons = &runpb.Condition_ExecutionReason_{ExecutionReason: r.execution.stopReason()}
	}
	return c
}

// shortID returns the execution's ID, the last part of its name.
func (r *executionRow) shortID() string {
	_, id, _ := strings.Cut(r.message.Name, "/executions/")
	return id
}

func startedMessage(created, started time.Time) string {
	return fmt.Sprintf("Started deployed execution in %s.", seconds(started.Sub(created)))
}

func seconds(d time.Duration) string {
	return d.Round(10 * time.Millisecond).String()
}
