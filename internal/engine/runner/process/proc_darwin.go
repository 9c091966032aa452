package process

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// fionread is FIONREAD of sys/filio.h.
const fionread = 0x4004667f

// zombie is SZOMB of sys/proc.h.
const zombie = 5

func bootID() (string, error) { return unix.Sysctl("kern.bootsessionuuid") }

// newPipe makes a pipe that no child inherits.
func newPipe() (reader *os.File, writer int, err error) {
	var fds [2]int
	syscall.ForkLock.RLock() // macOS has no pipe2
	if err = unix.Pipe(fds[:]); err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, -1, os.NewSyscallError("pipe", err)
	}
	if reader, err = newReader(fds[0]); err != nil {
		return nil, -1, errors.Join(err, unix.Close(fds[0]), unix.Close(fds[1]))
	}
	return reader, fds[1], nil
}

// exitPause is the pause between two looks at a child that the kernel gives no news of.
const exitPause = 50 * time.Millisecond

// awaitExit blocks until a child has exited, and leaves it to be reaped.
func awaitExit(pid int) error {
	if awaitEvent(pid) == nil {
		return nil
	}
	for { // without a queue, such as at the limit of file descriptors
		if _, dead, err := lookProcess(pid); dead || err != nil {
			return err
		}
		time.Sleep(exitPause)
	}
}

// awaitEvent is awaitExit by the kernel's event.
func awaitEvent(pid int) error {
	queue, err := unix.Kqueue()
	if err != nil {
		return err
	}
	defer unix.Close(queue)
	unix.CloseOnExec(queue)
	var event unix.Kevent_t
	unix.SetKevent(&event, pid, unix.EVFILT_PROC, unix.EV_ADD|unix.EV_ONESHOT)
	event.Fflags = unix.NOTE_EXIT
	for changes := []unix.Kevent_t{event}; ; {
		n, err := unix.Kevent(queue, changes, make([]unix.Kevent_t, 1), nil)
		switch {
		case errors.Is(err, unix.EINTR):
			changes = nil // the kernel took them before the wait
		case errors.Is(err, unix.ESRCH):
			return nil // the child exited before the request
		case err != nil || n > 0:
			return err
		}
	}
}

// bootTicks returns 0: macOS counts the starts of processes in microseconds since 1970.
func bootTicks() uint64 { return 0 }

// lookProcess returns the process with an ID, and whether it is a zombie. Its start is
// in microseconds since 1970.
func lookProcess(pid int) (p process, dead bool, err error) {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return process{}, false, err
	}
	return seen(info), info.Proc.P_stat == zombie, nil
}

func seen(info *unix.KinfoProc) process {
	start := info.Proc.P_starttime
	return process{pid: int(info.Proc.P_pid), start: uint64(start.Sec)*1e6 + uint64(start.Usec)}
}

// members returns the living processes of a group.
func members(group int) ([]process, error) {
	infos, err := unix.SysctlKinfoProcSlice("kern.proc.pgrp", group)
	var all []process
	for i := range infos {
		if infos[i].Proc.P_stat != zombie {
			all = append(all, seen(&infos[i]))
		}
	}
	return all, err
}

// marked returns none: macOS does not show the environment of every process.
func marked(string) (map[process]string, error) { return nil, nil }
