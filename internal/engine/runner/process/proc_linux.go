package process

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const fionread = unix.TIOCINQ

func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b)), err
}

// newPipe makes a pipe that no child inherits.
func newPipe() (reader *os.File, writer int, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, -1, os.NewSyscallError("pipe2", err)
	}
	if reader, err = newReader(fds[0]); err != nil {
		return nil, -1, errors.Join(err, unix.Close(fds[0]), unix.Close(fds[1]))
	}
	return reader, fds[1], nil
}

// awaitExit blocks until a child has exited, and leaves it to be reaped. It polls a
// pidfd through the Go runtime: a thread that blocks for each child would cost two more
// switches at its end.
func awaitExit(pid int) error {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return waitUnreaped(pid, 0, nil) // a kernel or a sandbox without pidfd
	}
	file := os.NewFile(uintptr(fd), "pidfd")
	defer file.Close()
	return awaitPidfd(file, pid)
}

// awaitPidfd is awaitExit for a child with a pidfd. It blocks a thread if the runtime cannot poll it.
func awaitPidfd(file *os.File, pid int) error {
	conn, err := file.SyscallConn()
	if err != nil {
		return waitUnreaped(pid, 0, nil)
	}
	var waitErr error
	err = conn.Read(func(uintptr) bool {
		var info unix.Siginfo
		waitErr = waitUnreaped(pid, unix.WNOHANG, &info)
		return waitErr != nil || info.Signo != 0
	})
	if err != nil {
		return waitUnreaped(pid, 0, nil)
	}
	return waitErr
}

// waitUnreaped waits for a child and leaves it to be reaped.
func waitUnreaped(pid, options int, info *unix.Siginfo) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, info, unix.WEXITED|unix.WNOWAIT|options, nil)
		if err != unix.EINTR {
			return err
		}
	}
}

// lookProcess returns the process with an ID, and whether it is a zombie. Its start is
// in clock ticks since boot.
func lookProcess(pid int) (p process, dead bool, err error) {
	s, err := readStat(pid)
	return process{pid: pid, start: s.start}, s.dead(), err
}

// bootTicks returns the time since boot in the ticks by which /proc counts the starts of
// processes, or 0 if it is unknown. Linux shows 100 ticks a second on every architecture
// that Go runs on.
func bootTicks() uint64 {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return 0
	}
	const tick = int64(10 * time.Millisecond)
	return uint64(now.Nano() / tick)
}

// stat has the needed fields of /proc/PID/stat.
type stat struct {
	state byte
	group int
	start uint64
}

// dead reports whether the process is a zombie, or gone.
func (s stat) dead() bool { return s.state == 'Z' || s.state == 'X' }

func readStat(pid int) (stat, error) {
	var buf [1024]byte
	b, err := readProc(pid, "stat", buf[:])
	if err != nil {
		return stat{}, err
	}
	return parseStat(b)
}

// parseStat reads the fields after the name. The name is in parentheses and may contain
// blanks and parentheses. The first field after it is number 3, the state; 5 is the
// process group, and 22 the start time.
func parseStat(b []byte) (stat, error) {
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 20 {
		return stat{}, errors.New("read /proc/PID/stat: too few fields")
	}
	group, err := strconv.Atoi(string(fields[2]))
	if err != nil {
		return stat{}, err
	}
	start, err := strconv.ParseUint(string(fields[19]), 10, 64)
	return stat{state: fields[0][0], group: group, start: start}, err
}

// readProc reads a file of a process, as far as buf holds it. It runs for each attempt
// and, in a sweep, for each process: os.ReadFile would do twice the work.
func readProc(pid int, name string, buf []byte) ([]byte, error) {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	for n := 0; ; {
		m, err := unix.Read(fd, buf[n:])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, err
		case m == 0:
			return buf[:n], nil
		default:
			n += m
		}
	}
}

// members returns the living processes of a group.
func members(group int) (all []process, err error) {
	err = eachPID(func(pid int) {
		if s, err := readStat(pid); err == nil && s.group == group && !s.dead() {
			all = append(all, process{pid: pid, start: s.start})
		}
	})
	return all, err
}

// marked returns the living processes whose marker has the prefix, with their whole
// markers. It does not see other users' processes.
func marked(prefix string) (map[process]string, error) {
	found := make(map[process]string)
	buf := make([]byte, 16<<10) // enough for most environments
	err := eachPID(func(pid int) {
		value, ok := "", false
		if value, ok, buf = readMarker(pid, prefix, buf); !ok {
			return
		}
		s, err := readStat(pid)
		if err == nil && !s.dead() {
			found[process{pid: pid, start: s.start}] = value
		}
	})
	return found, err
}

// readMarker looks for the marker in the environment of a process. It returns buf, which
// it enlarges for a large environment.
func readMarker(pid int, prefix string, buf []byte) (string, bool, []byte) {
	env, err := readProc(pid, "environ", buf)
	for err == nil && len(env) == len(buf) {
		buf = make([]byte, 2*len(buf))
		env, err = readProc(pid, "environ", buf)
	}
	if err != nil {
		return "", false, buf
	}
	value, ok := findMarker(env, prefix)
	return value, ok, buf
}

// findMarker looks for the marker in an environment of /proc, where a NUL follows each
// variable.
func findMarker(env []byte, prefix string) (string, bool) {
	if !bytes.Contains(env, []byte(prefix)) {
		return "", false
	}
	for entry := range bytes.SplitSeq(env, []byte{0}) {
		value, ok := bytes.CutPrefix(entry, []byte(markerName+"="))
		if ok && bytes.HasPrefix(value, []byte(prefix)) {
			return string(value), true
		}
	}
	return "", false
}

// eachPID calls f with the ID of every process. Processes come and go meanwhile.
func eachPID(f func(pid int)) error {
	dir, err := os.Open("/proc")
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			f(pid)
		}
	}
	return nil
}
