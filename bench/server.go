package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// stopTimeout is the limit between SIGTERM and the end of a server.
	stopTimeout = 20 * time.Second
	// readyLine begins the line of `runwith up` that reports readiness.
	readyLine = "runwith is ready at http://"
	// readyTarget and restTarget bound `runwith up`, in seconds and bytes.
	readyTarget, restTarget = 0.040, 32 << 20
)

// server is a child process that has reported readiness.
type server struct {
	cmd   *exec.Cmd
	addr  string // the rest of the line that reported it
	ready time.Duration
	end   context.CancelFunc
	said  bytes.Buffer // written until ended has an element
	ended chan error
}

// startUp starts `runwith up` on a free port. The caller stops it. It also ends with ctx.
// Its output, which has a line for each start and end of a run, is shown only if it fails.
func (b *bench) startUp(ctx context.Context, data string) (*server, error) {
	return start(ctx, nil, readyLine, b.binary, "up", "--addr", "127.0.0.1:0", "--runner", "process", "--data", data)
}

// start starts a command and returns when it has written a line that begins with ready to its
// standard error. Later output goes to errs, or becomes a part of the error if errs is nil.
func start(ctx context.Context, errs io.Writer, ready string, command ...string) (*server, error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Cancel = func() error { return terminate(cmd.Process) }
	cmd.WaitDelay = stopTimeout
	s := &server{cmd: cmd, end: cancel, ended: make(chan error, 1)}
	if errs == nil {
		errs = &s.said
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	lines := bufio.NewReader(stderr)
	before, err := s.await(lines, ready)
	s.ready = time.Since(began)
	go func() {
		_, _ = io.Copy(errs, lines) // read to the end before Wait, which closes the pipe
		s.ended <- cmd.Wait()
	}()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s ended before it was ready: %w\n%s", filepath.Base(command[0]), err, before), s.stop())
	}
	return s, nil
}

// await reads until the line that begins with ready, and returns the output before it.
func (s *server) await(lines *bufio.Reader, ready string) (before []byte, err error) {
	for {
		line, err := lines.ReadString('\n')
		if addr, ok := strings.CutPrefix(line, ready); ok {
			s.addr = strings.TrimSpace(addr)
			return before, nil
		}
		before = append(before, line...)
		if err != nil {
			return before, err
		}
	}
}

// stop ends the server and waits for its end.
func (s *server) stop() error {
	s.end()
	return s.wait()
}

// wait waits for the end of a server that ends by itself or is being stopped.
func (s *server) wait() error {
	err := <-s.ended
	s.end()
	if s.cmd.ProcessState.Success() {
		return nil // the error of Wait is only that the context has ended
	}
	last := s.said.Bytes()
	return fmt.Errorf("%s, when it was stopped: %w\n%s", filepath.Base(s.cmd.Path), err, last[max(0, len(last)-2000):])
}

// terminate asks a process to end. Windows can only kill it.
func terminate(p *os.Process) error {
	if err := p.Signal(syscall.SIGTERM); err == nil || errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return p.Kill()
}

// resident returns the resident memory of the server, in bytes.
func (s *server) resident(ctx context.Context) (float64, error) {
	pid := strconv.Itoa(s.cmd.Process.Pid)
	text, err := os.ReadFile("/proc/" + pid + "/status")
	if err == nil {
		_, text, _ = bytes.Cut(text, []byte("\nVmRSS:"))
	} else if text, err = exec.CommandContext(ctx, "ps", "-o", "rss=", "-p", pid).Output(); err != nil {
		return 0, fmt.Errorf("read the server's memory: %w", err)
	}
	var kib float64
	if _, err := fmt.Sscan(string(text), &kib); err != nil {
		return 0, fmt.Errorf("read the server's memory: %w", err)
	}
	return kib * 1024, nil
}

// measureUp starts servers, in turns with a program that only reports readiness.
func measureUp(ctx context.Context, b *bench) ([]row, error) {
	noop, err := b.buildNoop(ctx)
	if err != nil {
		return nil, err
	}
	var data string // of the last start in an empty folder
	n := max(1, b.n/10)
	times, err := interleave(ctx, plan{n, 1},
		func(ctx context.Context) (float64, error) {
			s, err := start(ctx, b.progress, "ready", noop)
			if err != nil {
				return 0, err
			}
			return s.ready.Seconds(), s.wait()
		},
		func(ctx context.Context) (_ float64, err error) {
			if data, err = os.MkdirTemp(b.dir, "up-"); err != nil {
				return 0, err
			}
			return readiness(b.startUp(ctx, data))
		},
		func(ctx context.Context) (float64, error) { return readiness(b.startUp(ctx, data)) })
	if err != nil {
		return nil, err
	}
	memory, err := interleave(ctx, plan{min(n, 3), 1}, func(ctx context.Context) (float64, error) { return b.memory(ctx, data) })
	if err != nil {
		return nil, err
	}
	const bare = "exec of a Go program that prints a line"
	return []row{
		newRow("`up` ready, in an empty folder", seconds, times[1]).beside(bare, times[0]).within(readyTarget),
		newRow("`up` ready, where state is", seconds, times[2]).beside(bare, times[0]).within(readyTarget),
		newRow(fmt.Sprintf("`up` at rest, after %v", b.rest), bytesHeld, memory[0]).within(restTarget),
	}, nil
}

func (b *bench) buildNoop(ctx context.Context) (string, error) {
	source := filepath.Join(b.dir, "noop.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() { println(\"ready\") }\n"), 0o600); err != nil {
		return "", err
	}
	return b.build(ctx, "noop", source)
}

// readiness returns the start-up time of a server and stops it.
func readiness(s *server, err error) (float64, error) {
	if err != nil {
		return 0, err
	}
	return s.ready.Seconds(), s.stop()
}

// memory returns the memory of a server at rest.
func (b *bench) memory(ctx context.Context, data string) (_ float64, err error) {
	s, err := b.startUp(ctx, data)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := pause(ctx, b.rest); err != nil {
		return 0, err
	}
	return s.resident(ctx)
}
