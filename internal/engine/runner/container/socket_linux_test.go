package container

import (
	"errors"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// asNobody calls f in a thread of the user nobody, who has no special permissions.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Getuid() != 0 {
		f()
		return
	}
	const nobody = 65534
	done := make(chan error)
	go func() {
		// The thread stays locked, so it ends with the goroutine.
		runtime.LockOSThread()
		for _, call := range [][4]uintptr{
			{syscall.SYS_SETGROUPS}, {syscall.SYS_SETRESGID, nobody, nobody, nobody}, {syscall.SYS_SETRESUID, nobody, nobody, nobody},
		} {
			if _, _, errno := syscall.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
				done <- errno
				return
			}
		}
		f()
		done <- nil
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestSocketOfAnother checks that the error for an unwritable socket names its group.
func TestSocketOfAnother(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(scratch(t), "docker.sock")
	if err := os.Chmod(filepath.Dir(socket), 0o755); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	if err := os.Chmod(socket, 0o060); err != nil {
		t.Fatal(err)
	}
	group := "?"
	if g, err := user.LookupGroupId(strconv.Itoa(os.Getgid())); err == nil {
		group = g.Name
	}
	asNobody(t, func() { err = checkSocket("unix://" + socket) })
	want := "it is open to group " + group + ": join it (sudo usermod -aG " + group + " $USER)"
	if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), socket) {
		t.Errorf("checkSocket of another user's socket = %v, want a denied permission with %q", err, want)
	}
}

// TestSockets checks that the list includes rootless daemons if the user's folders are known.
func TestSockets(t *testing.T) {
	t.Parallel()
	root := []string{"unix:///var/run/docker.sock", "unix:///run/podman/podman.sock"}
	if got := Sockets("", ""); !slices.Equal(got, root) {
		t.Errorf("Sockets without folders = %q, want %q", got, root)
	}
	want := []string{
		"unix:///var/run/docker.sock", "unix:///run/user/7/docker.sock", "unix:///home/me/.docker/run/docker.sock",
		"unix:///run/podman/podman.sock", "unix:///run/user/7/podman/podman.sock",
		"unix:///home/me/.local/share/containers/podman/machine/podman.sock",
	}
	if got := Sockets("/run/user/7", "/home/me"); !slices.Equal(got, want) {
		t.Errorf("Sockets = %q, want %q", got, want)
	}
}
