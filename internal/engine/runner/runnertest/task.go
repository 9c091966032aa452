//go:build unix

package runnertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
)

// The first arguments that make a test binary something else.
const (
	taskArg  = "runnertest-task"
	crashArg = "runnertest-crash"
)

// Main is the TestMain of a runner's tests. It runs the tests unless it is called
// as a task of the suite, or as the process that [CrashIn] kills: that one places
// attempts with the Runner that open returns.
func Main(m *testing.M, open func(dir string) (runner.Runner, error)) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case taskArg:
			ctx, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM)
			os.Exit(Do(ctx, Program{Args: os.Args[2:], Env: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr}))
		case crashArg:
			os.Exit(crash(os.Args[2], open))
		}
	}
	if err := os.Setenv(Canary, "must not leak"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// Task is the command of a task on this machine, for [Harness].
func Task(t *testing.T) []string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{program, taskArg}
}

// Program is what a task of the suite is given.
type Program struct {
	Args, Env      []string // Env as NAME=VALUE
	Stdout, Stderr io.Writer
}

// Do does what the arguments say and returns the exit code: in a process of its own,
// or, where the [Harness] is InProcess, in that of the runner. ctx ends when the task
// is asked to stop.
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
	case "count":
		return p.count(args[0])
	case "ready":
		code := p.count(args[0])
		fmt.Fprintln(p.Stdout, "ready")
		awaitFile(ctx, args[0]+".go")
		fmt.Fprintln(p.Stdout, "out")
		return code
	case "bow":
		fmt.Fprintln(p.Stdout, "ready")
		<-ctx.Done()
		fmt.Fprintln(p.Stdout, "bye")
		return 3
	case "stay":
		fmt.Fprintln(p.Stdout, "ready")
		<-ctx.Done()
		fmt.Fprintln(p.Stdout, "asked")
		return p.hold(args[0], "main")
	case "hold":
		return p.hold(args[0], args[1])
	default:
		return p.doAsProcess(ctx, name, args)
	}
	return 0
}

// doAsProcess does what only a process can.
func (p Program) doAsProcess(ctx context.Context, name string, args []string) int {
	switch name {
	case "tree":
		plantFamily(args[0], args[1])
		return p.hold(args[0], "main")
	case "litter":
		plantFamily(args[0], args[1])
		awaitFile(ctx, args[0]+".go")
	case "orphan":
		child := self("hold", args[0], "orphan")
		child.Stdout, child.Stderr = p.Stdout, p.Stderr
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		begin(child)
		_, _ = io.WriteString(p.Stdout, pattern("stdout", orphanOutput))
	default:
		fmt.Fprintf(p.Stderr, "no task %q\n", name)
		return 99
	}
	return 0
}

// oddBytes are no text.
const oddBytes = "a\n\xff\xfe\x00\r\n\nlast"

// orphanOutput is what the task "orphan" prints: more than one read takes, less
// than a pipe holds on any machine with its first read taken.
const orphanOutput = 60 << 10

func (p Program) printJSON(list []string) int {
	if err := json.NewEncoder(p.Stdout).Encode(list); err != nil {
		return 1
	}
	return 0
}

// count adds a line to a file.
func (p Program) count(path string) int {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = file.WriteString("once\n")
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		fmt.Fprintln(p.Stderr, err)
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

// hold keeps a leash until the process is killed: to be asked to stop alone does not
// do it.
func (p Program) hold(path, name string) int {
	conn, err := net.Dial("unix", path)
	if err != nil {
		fmt.Fprintln(p.Stderr, err)
		return 98
	}
	defer conn.Close()
	fmt.Fprintln(conn, name)
	// When the test is gone, so is this.
	_, _ = io.Copy(io.Discard, conn)
	return 0
}

// awaitFile blocks until the test has made a file, or the task is asked to stop.
func awaitFile(ctx context.Context, path string) {
	for ctx.Err() == nil {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// plantFamily starts a process in the group and, if it may, one that leaves it.
// The one in the group has nothing in its environment by which it could be found.
// Both hold the leash and none of the pipes.
func plantFamily(path, mayEscape string) {
	member := self("hold", path, "member")
	member.Env = []string{"NOTHING="}
	begin(member)
	if mayEscape == "true" {
		escaped := self("hold", path, "escaped")
		escaped.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		begin(escaped)
	}
}

func self(args ...string) *exec.Cmd {
	return exec.Command(os.Args[0], append([]string{taskArg}, args...)...)
}

func begin(child *exec.Cmd) {
	if err := child.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(97)
	}
}

// placement is a runner.Spec on the way to the process that is to crash.
type placement struct {
	ID       runner.ID
	Template json.RawMessage
	Env      map[string]string
}

// crash places what it reads, says so, and waits for its death.
func crash(dir string, open func(dir string) (runner.Runner, error)) int {
	var placements []placement
	in := json.NewDecoder(os.Stdin)
	r, err := open(dir)
	if err == nil {
		err = in.Decode(&placements)
	}
	for _, p := range placements {
		template := new(runpb.TaskTemplate)
		if err == nil {
			err = protojson.Unmarshal(p.Template, template)
		}
		if err == nil {
			spec := runner.Spec{ID: p.ID, Template: template, Env: p.Env}
			err = r.Start(context.Background(), spec, runner.Output{Stdout: os.Stderr, Stderr: os.Stderr})
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("placed")
	_, _ = io.Copy(io.Discard, os.Stdin) // until killed, or the test is gone
	return 0
}
