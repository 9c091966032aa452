package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"github.com/runwith/runwith"
)

// Listen listens on addr, a HOST:PORT, which must pass [CheckBind].
func Listen(ctx context.Context, addr string, allowUnauthenticated bool) (net.Listener, error) {
	if err := CheckBind(addr, allowUnauthenticated); err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err == nil {
		return listener, nil
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err // without the address, which the message has already
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w: stop the process that listens there, or choose another address", err)
	}
	return nil, fmt.Errorf("listen on %s: %w", addr, err)
}

// CheckBind returns why a listener must not bind to addr, a HOST:PORT. Loopback addresses
// are always allowed. All others, including an empty host, are reachable from other
// machines and need allowUnauthenticated. Names other than localhost are not resolved and
// count as others.
func CheckBind(addr string, allowUnauthenticated bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return &runwith.Error{
			Code:    runwith.InvalidArgument,
			Message: "addr " + addr + ": must be HOST:PORT, such as 127.0.0.1:8080",
			Err:     err,
		}
	}
	if allowUnauthenticated || isLoopback(host) {
		return nil
	}
	return runwith.Errorf(runwith.FailedPrecondition,
		"addr %s: other machines can reach this address, and the server does not authenticate callers; "+
			"bind to 127.0.0.1, or give --allow-unauthenticated if you want this", addr)
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// dialable returns the address at which this machine reaches a listener on addr.
func dialable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr
}
