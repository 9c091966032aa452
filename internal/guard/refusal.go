package guard

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
)

func bodyTooLarge(limit *http.MaxBytesError) *runwith.Error {
	return &runwith.Error{
		Code:    runwith.InvalidArgument,
		Message: fmt.Sprintf("the request's body is larger than %d bytes; send a smaller one", limit.Limit),
		Err:     fmt.Errorf("%w: %w", cause.BodyTooLarge, limit),
	}
}

func (g *Guard) bodyTooSlow(err error) *runwith.Error {
	return &runwith.Error{
		Code:    runwith.DeadlineExceeded,
		Message: fmt.Sprintf("the request's body did not arrive within %v; nothing was done, send it again", g.bodyTimeout),
		Err:     fmt.Errorf("%w: %w", cause.BodyTooSlow, err),
	}
}

// bodyUnreadable returns the refusal after a failed Read of a body.
func bodyUnreadable(err error) *runwith.Error {
	if e, ok := errors.AsType[*runwith.Error](err); ok {
		return e
	}
	return &runwith.Error{
		Code:    runwith.InvalidArgument,
		Message: "the request's body ended too early or is malformed; send it again",
		Err:     err,
	}
}
