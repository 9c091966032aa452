package cloudrun

import (
	"errors"

	"github.com/runwith/runwith"
)

// ErrNotSent is in the tree of an error whose request certainly was not sent: the dial
// failed, there was no credential, or the caller gave up before.
var ErrNotSent = errors.New("the request was not sent")

// Outcome is the outcome of a call of [Client.Run].
type Outcome int

// The outcomes. Unknown is the zero value.
const (
	// Unknown: an execution may exist. The job must not be started again before that is
	// known.
	Unknown Outcome = iota
	// Started: the execution exists.
	Started
	// NotStarted: no execution exists, and a later call may succeed.
	NotStarted
	// Refused: no execution exists, and the same call will be refused again.
	Refused
)

// String returns the outcome in words.
func (o Outcome) String() string {
	switch o {
	case Started:
		return "started"
	case NotStarted:
		return "not started"
	case Refused:
		return "refused"
	}
	return "unknown"
}

// OutcomeOf returns the outcome that an error of [Client.Run] stands for. Nothing else
// decides that. With the codes that it does not name, the server may have started the job
// before it, or something on the way to it, gave up.
func OutcomeOf(err error) Outcome {
	switch {
	case err == nil:
		return Started
	case errors.Is(err, ErrNotSent):
		return NotStarted
	}
	switch runwith.CodeOf(err) {
	case runwith.ResourceExhausted, runwith.Unauthenticated:
		return NotStarted
	case runwith.InvalidArgument, runwith.PermissionDenied, runwith.NotFound, runwith.FailedPrecondition:
		return Refused
	}
	return Unknown
}
