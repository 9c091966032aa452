package cloudrun

import (
	"errors"

	"github.com/runwith/runwith"
)

// ErrNotSent is in the tree of an error whose request certainly never left: the
// dial failed, no credential could be had, or the caller gave up before.
var ErrNotSent = errors.New("the request was not sent")

// Outcome is what a call of [Client.Run] came to.
type Outcome int

// The outcomes. Unknown is the zero value: what nobody has judged is not known.
const (
	// Unknown: an execution may exist. The job must not be started again before
	// that is resolved.
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

// OutcomeOf tells what an error of [Client.Run] means. It is the only place where
// that is decided. The codes that are not named leave open what the server did
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
