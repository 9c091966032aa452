//go:build linux || darwin

package process

import (
	"errors"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// firstInherited is the first descriptor behind standard input, output and error.
const firstInherited = 3

// closeOnExec keeps the descriptors of this process from the processes that it starts. Go
// opens its own ones so; the others are inherited from the server's parent, such as a
// shell's open files or a supervisor's sockets. A task must not use or hold them.
func closeOnExec() error {
	if markAll(firstInherited) == nil {
		return nil
	}
	return markEach(firstInherited)
}

// markEach marks the descriptors from the first on, one by one.
func markEach(first int) error {
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil || fd < first {
			continue
		}
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC)
		if err != nil && !errors.Is(err, syscall.EBADF) { // it was the folder's own
			return err
		}
	}
	return nil
}
