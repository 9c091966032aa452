package container

import (
	"errors"
	"syscall"
)

// freeBind lets a listener have an address that this machine does not have yet:
// Podman makes a bridge when the first container is on it.
func freeBind(_, _ string, conn syscall.RawConn) error {
	var set error
	err := conn.Control(func(fd uintptr) {
		set = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_FREEBIND, 1)
	})
	return errors.Join(err, set)
}
