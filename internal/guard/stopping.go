package guard

import (
	"context"
	"errors"

	"github.com/runwith/runwith"
)

// Stopping is the cause with which a server that stops ends the context of its
// requests, so that [Ended] can tell callers.
func Stopping() error {
	return runwith.Errorf(runwith.Unavailable, "the server is stopping: ask again later")
}

// Ended is the error of a request whose context may have ended it. Where the server
// has ended that, the caller is told so: CANCELED would say that the caller itself
// went away, which is final to a client, while UNAVAILABLE may be asked again.
func Ended(ctx context.Context, err error) error {
	cause, named := errors.AsType[*runwith.Error](context.Cause(ctx))
	if named && runwith.CodeOf(err) == runwith.Canceled {
		return cause
	}
	return err
}
