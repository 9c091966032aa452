package doctor

import (
	"context"
	"errors"
	"net"
	"syscall"

	"github.com/runwith/runwith/internal/invoker/callback"
)

// callbacks reports whether each endpoint can be reached, without sending it anything.
func (e *examination) callbacks(ctx context.Context) {
	for _, c := range e.File.Callbacks {
		ctx, cancel := context.WithTimeout(ctx, checkTimeout)
		err := callback.Reach(ctx, c.URL, e.Allowed)
		cancel()
		if err != nil {
			e.problem("callback", c.Endpoint(), "cannot be reached: %v%s", err, step(err))
			continue
		}
		e.ok("callback", c.Endpoint(), "can be reached")
	}
}

// step is the next step if nobody answers at an endpoint. Other errors name theirs.
func step(err error) string {
	network, ok := errors.AsType[net.Error](err)
	_, unknown := errors.AsType[*net.DNSError](err)
	if unknown || errors.Is(err, syscall.ECONNREFUSED) || ok && network.Timeout() {
		return ": start the receiver, or correct url in the configuration file"
	}
	return ""
}
