//go:build unix

package runnertest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/runwith/runwith/internal/engine/runner"
)

// The first arguments that make a test binary something else.
const (
	taskArg  = "runnertest-task"
	crashArg = "runnertest-crash"
)

// Main is the TestMain of a runner's tests. It runs the tests, unless the binary was
// called to run a task of the suite, or as the process that [CrashIn] kills: that one
// places attempts with the Runner that open returns.
func Main(m *testing.M, open func(dir string) (runner.Runner, error)) {
	RunTask()
	if len(os.Args) > 1 && os.Args[1] == crashArg {
		os.Exit(crash(os.Args[2], open))
	}
	if err := os.Setenv(Canary, "must not leak"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// RunTask runs a task of the suite and exits, if the command line names one.
func RunTask() {
	if len(os.Args) > 2 && os.Args[1] == taskArg {
		ctx, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		os.Exit(Do(ctx, Program{Args: os.Args[2:], Env: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr}))
	}
}

// Task is the command of a task for [Harness]: program is a binary that calls [RunTask].
func Task(program string) []string { return []string{program, taskArg} }

// Self is the path of the test binary.
func Self(t *testing.T) string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// Program is the input of a task of the suite.
type Program struct {
	Args, Env      []string // Env as NAME=VALUE
	Stdout, Stderr io.Writer
}

// Do runs a task of the suite and returns its exit code. ctx ends when the task is asked
// to stop. It runs in a process of its own, or, if the [Harness] is InProcess, in that of
// the runner.
func Do(ctx context.Context, p Program) int {
	switch name, args := p.Args[0], p.Args[1:]; name {
	case "args":
		return p.printJSON(args)
	case "env":
		return p.printJSON(p.Env)
	case "exit":
		return atoi(args[0])
	case "say":
		fmt.Fprintln(p.Stdout, args[0])
		return atoi(args[1])
	case "bytes":
		_, _ = io.WriteString(p.Stdout, oddBytes)
		_, _ = io.WriteString(p.Stderr, "err")
	case "spill":
		p.spill(atoi(args[0]))
		time.Sleep(time.Duration(atoi(args[1])) * time.Millisecond)
	case "bow": // ends when it is asked to
		fmt.Fprintln(p.Stdout, "ready")
		<-ctx.Done()
		fmt.Fprintln(p.Stdout, "bye")
		return 3
	case "stay": // has to be killed
		fmt.Fprintln(p.Stdout, "ready")
		<-ctx.Done()
		fmt.Fprintln(p.Stdout, "asked")
		return p.drip("stays")
	case "leave": // ends before its child
		return p.child()
	case "tree": // has to be killed, and its child too
		return max(p.child(), p.drip("main"))
	case "child":
		fmt.Fprintln(p.Stdout, "child")
		fmt.Fprintln(p.Stderr, "up")
		return p.drip("child")
	default:
		fmt.Fprintf(p.Stderr, "no task %q\n", name)
		return 99
	}
	return 0
}

// dripLines bounds how long a task lives that a failed test has left behind: 5 minutes.
const dripLines = 5 * 60 * 20

// drip prints a line repeatedly until writing fails.
func (p Program) drip(line string) int {
	for range dripLines {
		if _, err := fmt.Fprintln(p.Stdout, line); err != nil {
			return 0
		}
		time.Sleep(50 * time.Millisecond)
	}
	return 98
}

// child starts a child that prints to the same stdout, and returns when it has begun to.
func (p Program) child() int {
	child := exec.Command(os.Args[0], taskArg, "child")
	child.Stdout = p.Stdout
	up, err := child.StderrPipe()
	if err == nil {
		err = child.Start()
	}
	if err == nil {
		_, err = up.Read(make([]byte, 1))
	}
	if err != nil {
		fmt.Fprintln(p.Stderr, err)
		return 97
	}
	return 0
}

// oddBytes are no text.
const oddBytes = "a\n\xff\xfe\x00\r\n\nlast"

func (p Program) printJSON(list []string) int {
	if err := json.NewEncoder(p.Stdout).Encode(list); err != nil {
		return 1
	}
	return 0
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// pattern is size bytes that differ from place to place and stream to stream.
func pattern(stream string, size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "%s line %d\n", stream, i)
	}
	return b.String()[:size]
}

func (p Program) spill(size int) {
	var group sync.WaitGroup
	for name, out := range map[string]io.Writer{"stdout": p.Stdout, "stderr": p.Stderr} {
		group.Go(func() { _, _ = io.WriteString(out, pattern(name, size)) })
	}
	group.Wait()
}
