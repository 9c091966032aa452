package guard

import (
	"net"
	"net/netip"
	"strings"

	"github.com/runwith/runwith"
)

// CheckBind reports whether a listener may bind to addr, a HOST:PORT: a loopback
// address always, any other, an empty host among them, only with
// allowUnauthenticated. Names other than localhost are not looked up and count
// as other.
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
		"addr %s: other machines may reach this address, and nothing would ask them who they are; "+
			"bind to 127.0.0.1, or give --allow-unauthenticated if that is meant", addr)
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
