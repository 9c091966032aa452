package apierror

import (
	"context"
	"errors"

	"google.golang.org/grpc/status"

	"github.com/runwith/runwith"
)

// Public returns what a caller may see of err.
//
// Deviation: Google's errors have details; these have none.
func Public(err error) *runwith.Error {
	if e, ok := errors.AsType[*runwith.Error](err); ok {
		return e
	}
	if s, ok := status.FromError(err); ok {
		return runwith.Errorf(runwith.Code(s.Code()), "%s", s.Message())
	}
	switch code := runwith.CodeOf(err); code {
	case runwith.Canceled:
		return &runwith.Error{Code: code, Message: "the request was cancelled", Err: err}
	case runwith.DeadlineExceeded:
		return &runwith.Error{Code: code, Message: "the request took too long: send it again", Err: err}
	}
	return &runwith.Error{Code: runwith.Internal, Message: "internal error: the server's log has the cause", Err: err}
}

// Stopping returns the cause with which a stopping server cancels the contexts of its
// requests. [Ended] finds it there.
func Stopping() error {
	return runwith.Errorf(runwith.Unavailable, "the server is stopping: ask again later")
}

// Ended returns the error of a request whose context may have been cancelled. If the
// server cancelled it, Ended returns the server's reason, UNAVAILABLE, after which
// clients try again. CANCELLED would mean that the caller left.
func Ended(ctx context.Context, err error) error {
	reason, ok := errors.AsType[*runwith.Error](context.Cause(ctx))
	if ok && runwith.CodeOf(err) == runwith.Canceled {
		return reason
	}
	return err
}
