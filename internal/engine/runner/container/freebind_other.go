//go:build !linux

package container

import "syscall"

func freeBind(_, _ string, _ syscall.RawConn) error { return nil }
