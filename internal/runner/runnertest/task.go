//go:build unix

package runnertest

import (
	"context"
	"encoding/json"
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

	"github.com/runwith/runwith/internal/runner"
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
			os.Exit(task(os.Args[2:]))
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

// task does what the arguments say and returns the exit code.
func task(args []string) int {
	switch name, args := args[0], args[1:]; name {
	case "args":
		return printJSON(args)
	case "env":
		return printJSON(os.Environ())
	case "exit":
		code, _ := strconv.Atoi(args[0])
		return code
	case "spill":
		size, _ := strconv.Atoi(args[0])
		spill(size)
	case "hold":
		hold(args[0], args[1])
	case "tree":
		plantFamily(args[0], args[1])
		hold(args[0], "main")
	case "litter":
		plantFamily(args[0], args[1])
		awaitFile(args[0] + ".go")
	case "orphan":
		child := self("hold", args[0], "orphan")
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		begin(child)
		_, _ = io.WriteString(os.Stdout, pattern("stdout", orphanOutput))
	default:
		fmt.Fprintf(os.Stderr, "no task %q\n", name)
		return 99
	}
	return 0
}

// orphanOutput is what the task "orphan" prints: more than one read takes, less
// than a pipe holds on any machine with its first read taken.
const orphanOutput = 60 << 10

func printJSON(list []string) int {
	if err := json.NewEncoder(os.Stdout).Encode(list); err != nil {
		return 1
	}
	return 0
}

// pattern is size bytes that differ from place to place and stream to stream.
func pattern(stream string, size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "%s line %d\n", stream, i)
	}
	return b.String()[:size]
}

func spill(size int) {
	var group sync.WaitGroup
	for name, file := range map[string]*os.File{"stdout": os.Stdout, "stderr": os.Stderr} {
		group.Go(func() { _, _ = io.WriteString(file, pattern(name, size)) })
	}
	group.Wait()
}

// hold keeps a leash until the process is killed: SIGTERM alone does not do it.
func hold(path, name string) {
	signal.Ignore(syscall.SIGTERM)
	conn, err := net.Dial("unix", path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(98)
	}
	fmt.Fprintln(conn, name)
	// When the test is gone, so is this.
	_, _ = io.Copy(io.Discard, conn)
}

// awaitFile blocks until the test has made a file.
func awaitFile(path string) {
	for {
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
