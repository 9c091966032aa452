package process

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// inherited is a descriptor as a parent leaves it: it stays open on exec.
func inherited(t *testing.T) int {
	t.Helper()
	fd, err := unix.Open(os.DevNull, unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

func TestInheritedDescriptorsAreMarked(t *testing.T) {
	for name, mark := range map[string]func() error{
		"all at once": func() error { return markAll(firstInherited) },
		"one by one":  func() error { return markEach(firstInherited) },
		"Open":        closeOnExec,
	} {
		fd := inherited(t)
		if err := mark(); err != nil {
			t.Errorf("%s = %v", name, err)
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("%s: flags = %d, %v, want close on exec", name, flags, err)
		}
	}
}
