package engine

import (
	"errors"
	"fmt"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
)

// state is where an execution or a task stands.
type state string

const (
	pending   state = "pending"
	running   state = "running"
	succeeded state = "succeeded"
	failed    state = "failed"
	cancelled state = "cancelled"
)

// stopReason is why an execution is to end before its tasks do.
type stopReason string

const (
	notStopped stopReason = ""
	stopCancel stopReason = "cancelled"
	stopDelete stopReason = "deleted"
)

// ending is how one attempt ended.
type ending struct {
	state  state // succeeded, failed or cancelled
	result runner.Result
	code   runwith.Code
	status string // for people; empty on success
	ran    bool   // false if the attempt could not be started
}

// Messages in Cloud Run's words.
const (
	exitedWithError = "The container exited with an error."
	timedOut        = "The configured timeout was reached."
	outOfMemory     = "The configured memory limit was reached."
)

// endingOf judges an attempt by the result of its main process and by why the engine
// stopped it, if it did. A stopped attempt is never a success, whatever its exit
// code, because it did not end by itself.
//
// Deviation: the codes are ours, because Cloud Run documents none: DEADLINE_EXCEEDED
// after the timeout, CANCELLED if the execution was stopped, ABORTED otherwise.
func endingOf(result runner.Result, cause error) ending {
	end := ending{state: failed, result: result, ran: true}
	switch {
	case errors.Is(cause, errTimeout):
		end.code, end.status = runwith.DeadlineExceeded, timedOut
	case errors.Is(cause, errStopped):
		end.state, end.code, end.status = cancelled, runwith.Canceled, "The task was cancelled."
	case result.Succeeded():
		end.state = succeeded
	case result.OutOfMemory:
		end.code, end.status = runwith.Aborted, outOfMemory
	default:
		end.code, end.status = runwith.Aborted, exitedWithError
	}
	return end
}

// endingOfStart is the ending of an attempt that could not be started, either because
// of err or because the engine stopped it meanwhile. If the engine stopped it to close,
// there is no ending, and the error is errClosing.
func endingOfStart(err, cause error) (ending, error) {
	switch {
	case errors.Is(cause, errClosing):
		return ending{}, cause
	case cause != nil:
		return endingUnstarted(cause), nil
	}
	return ending{state: failed, code: runwith.Internal, status: fmt.Sprintf("Application failed to start: %v.", err)}, nil
}

// endingUnstarted is the ending of an attempt that the engine stopped before it ran, or
// that was lost.
func endingUnstarted(cause error) ending {
	end := endingOf(runner.Result{}, cause)
	end.ran = false
	return end
}

// next returns the state of a task after the end of its attempt, and whether the task is
// retried.
func (e ending) next(attempt, maxRetries int, stop stopReason) (_ state, retry bool) {
	if e.state != failed {
		return e.state, false
	}
	if stop != notStopped || attempt >= maxRetries {
		return failed, false
	}
	return pending, true
}

// counts holds the number of an execution's tasks by state.
type counts struct {
	tasks, running, succeeded, failed, cancelled, retried int

	interrupted int // times that a task was interrupted
}

// verdict returns the state of an execution with these tasks. An execution without tasks
// is only judged when it is stopped.
//
// Deviation: a failed task does not stop the others. If any task was cancelled, the
// execution is cancelled, even if another has failed.
func (c counts) verdict() state {
	switch {
	case c.tasks == 0:
		return cancelled
	case c.succeeded+c.failed+c.cancelled < c.tasks:
		return running
	case c.cancelled > 0:
		return cancelled
	case c.failed > 0:
		return failed
	}
	return succeeded
}
