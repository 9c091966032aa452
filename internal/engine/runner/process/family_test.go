//go:build linux || darwin

package process

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/runnertest"
)

// These tests look at the processes of an attempt, which runnertest cannot.

// familyArg makes the test binary a process of a family.
const familyArg = "process-family"

// orphanOutput is the size of the task orphan's output: more than one read takes, less
// than a pipe holds on any machine after its first read.
const orphanOutput = 60 << 10

// family runs a task whose processes hold a leash.
func family(task string, args []string) int {
	path := args[0]
	switch task {
	case "hold":
		return hold(path, args[1], nil)
	case "child":
		return hold(path, args[1], os.NewFile(3, "up"))
	case "tree": // a main process and its family
		plant(path)
		return hold(path, "main", nil)
	case "litter": // a main process that ends before its family
		plant(path)
	case "orphan": // a main process that leaves its pipes to a process outside the group
		child := relative(path, "orphan")
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		begin(child)
		fmt.Print(strings.Repeat("x", orphanOutput))
	}
	return 0
}

// hold holds a leash until the process is killed, or the test ends. Once it does, it closes
// up.
func hold(path, name string, up *os.File) int {
	conn, err := net.Dial("unix", path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 98
	}
	defer conn.Close()
	fmt.Fprintln(conn, name)
	_ = up.Close() // or there is none
	_, _ = io.Copy(io.Discard, conn)
	return 0
}

// plant starts a process in the group without a marker in its environment, and one that leaves the
// group. Both hold the leash and no pipe.
func plant(path string) {
	member := relative(path, "member")
	member.Env = []string{"NOTHING="}
	begin(member)
	if finds {
		escaped := relative(path, "escaped")
		escaped.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		begin(escaped)
	}
}

// finds reports whether the Runner finds processes that left the group. Only Linux shows the
// environment of other processes.
const finds = runtime.GOOS == "linux"

// familyOf returns the names of the processes that plant starts.
func familyOf() []string {
	if finds {
		return []string{"member", "escaped"}
	}
	return []string{"member"}
}

func relative(path, name string) *exec.Cmd {
	return exec.Command(os.Args[0], familyArg, "child", path, name)
}

// begin starts a process and returns when it holds its leash.
func begin(child *exec.Cmd) {
	up, theirs, err := os.Pipe()
	if err == nil {
		child.ExtraFiles = []*os.File{theirs}
		err = child.Start()
	}
	if err == nil {
		_ = theirs.Close()
		_, err = io.Copy(io.Discard, up)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(97)
	}
}

// familySpec is an attempt that runs a task of the family on a leash.
func familySpec(t *testing.T, task int, l *leash, args ...string) runner.Spec {
	t.Helper()
	command := append([]string{runnertest.Self(t), familyArg, args[0], l.path}, args[1:]...)
	return runner.Spec{ID: runner.ID{Execution: "e/f", Task: task}, Template: template(command...)}
}

// launchOn starts an attempt that is ended with the test.
func launchOn(t *testing.T, r *Runner, spec runner.Spec, out runner.Output) {
	t.Helper()
	if err := r.Start(t.Context(), spec, out); err != nil {
		t.Fatalf("Start = %v, want no error", err)
	}
	t.Cleanup(func() { kill(t, r, spec.ID) })
}

// kill ends an attempt at once.
func kill(t *testing.T, r *Runner, id runner.ID) {
	t.Helper()
	if err := r.Stop(t.Context(), id, 0); err != nil && t.Context().Err() == nil {
		t.Errorf("Stop(%v) = %v, want no error", id, err)
	}
}

// checkWait checks how an attempt ended.
func checkWait(t *testing.T, r *Runner, id runner.ID, want runner.Result) {
	t.Helper()
	if got, err := r.Wait(t.Context(), id); err != nil || got != want {
		t.Errorf("Wait(%v) = %+v, %v, want %+v", id, got, err, want)
	}
}

func TestSignalFromInside(t *testing.T) {
	t.Parallel()
	r := openTest(t, Config{Dir: t.TempDir()})
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		if _, got := run(t, r, shell(fmt.Sprintf("kill -%d $$", signal))); got != (runner.Result{Signal: int(signal)}) {
			t.Errorf("ended with %+v, want signal %d", got, signal)
		}
	}
}

func TestStartTwiceRunsOnce(t *testing.T) {
	t.Parallel()
	r, count := openTest(t, Config{Dir: t.TempDir()}), filepath.Join(t.TempDir(), "count")
	spec := shell("echo once >>" + count)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if err := r.Start(t.Context(), spec, runner.Output{}); err != nil {
				t.Errorf("Start = %v, want no error", err)
			}
		})
	}
	group.Wait()
	checkWait(t, r, spec.ID, runner.Result{})
	if got, err := os.ReadFile(count); err != nil || string(got) != "once\n" {
		t.Errorf("the tasks wrote %q, %v, want one line", got, err)
	}
}

func TestEndOfMainKillsFamily(t *testing.T) {
	t.Parallel()
	r, l := openTest(t, Config{Dir: t.TempDir()}), newLeash(t)
	spec := familySpec(t, 0, l, "litter")
	launchOn(t, r, spec, runner.Output{})
	l.awaitStart(familyOf()...)
	checkWait(t, r, spec.ID, runner.Result{})
	l.awaitEnd()
}

// Stop also ends processes that have left the group, and those that ignore SIGTERM.
func TestStopKillsFamily(t *testing.T) {
	t.Parallel()
	r, l := openTest(t, Config{Dir: t.TempDir()}), newLeash(t)
	spec := familySpec(t, 0, l, "tree")
	launchOn(t, r, spec, runner.Output{})
	l.awaitStart(append(familyOf(), "main")...)
	if err := r.Stop(t.Context(), spec.ID, 50*time.Millisecond); err != nil {
		t.Errorf("Stop = %v, want no error", err)
	}
	l.awaitEnd()
	if _, err := r.Wait(t.Context(), spec.ID); err != nil {
		t.Errorf("Wait = %v, want no error", err)
	}
}

// blocked is a writer that blocks until it is opened.
type blocked struct {
	opened chan struct{}
	n      int
}

func (b *blocked) Write(p []byte) (int, error) {
	<-b.opened
	b.n += len(p)
	return len(p), nil
}

// TestOrphanHoldsPipes checks that Wait does not wait for a process that left the group and holds
// the pipes, and that the main process's whole output is written, even to a slow writer.
func TestOrphanHoldsPipes(t *testing.T) {
	t.Parallel()
	if !finds {
		t.Skip("processes that left the group are not found here")
	}
	for _, slow := range []bool{false, true} {
		t.Run(fmt.Sprint("SlowWriter=", slow), func(t *testing.T) {
			t.Parallel()
			r, l, out := openTest(t, Config{Dir: t.TempDir()}), newLeash(t), &blocked{opened: make(chan struct{})}
			open := sync.OnceFunc(func() { close(out.opened) })
			spec := familySpec(t, 0, l, "orphan")
			launchOn(t, r, spec, runner.Output{Stdout: out})
			t.Cleanup(open)
			if !slow {
				open()
			}
			l.awaitStart("orphan")
			l.awaitEnd() // killed because of the pipes that it holds
			open()
			checkWait(t, r, spec.ID, runner.Result{})
			if out.n != orphanOutput {
				t.Errorf("%d bytes were written, want %d", out.n, orphanOutput)
			}
		})
	}
}

// crashedFamily places attempts from a process that is then killed, and opens a Runner.
func crashedFamily(t *testing.T, specs ...runner.Spec) *Runner {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	runnertest.CrashIn(t, dir, specs...)
	return openTest(t, Config{Dir: dir})
}

// TestLeftoverIsLost checks that an attempt survives a crash until Wait ends all its processes and
// reports it lost.
func TestLeftoverIsLost(t *testing.T) {
	t.Parallel()
	l := newLeash(t)
	spec := familySpec(t, 0, l, "tree")
	r := crashedFamily(t, spec)
	l.awaitStart(append(familyOf(), "main")...)
	l.wantLive()
	again := shell("exit 9")
	again.ID = spec.ID
	if err := r.Start(t.Context(), again, runner.Output{}); err != nil {
		t.Errorf("Start of a leftover = %v, want a no-op", err)
	}
	if ids, err := r.List(t.Context()); err != nil || !slices.Equal(ids, []runner.ID{spec.ID}) {
		t.Errorf("List() = %v, %v, want the leftover", ids, err)
	}
	if _, err := r.Wait(t.Context(), spec.ID); !errors.Is(err, runner.ErrLost) {
		t.Errorf("Wait = %v, want ErrLost", err)
	}
	l.awaitEnd()
	if ids, err := r.List(t.Context()); err != nil || len(ids) > 0 {
		t.Errorf("List() after Wait = %v, %v, want none", ids, err)
	}
}

func TestStopOfLeftoverSparesOthers(t *testing.T) {
	t.Parallel()
	l := newLeash(t)
	one, other := familySpec(t, 0, l, "tree"), familySpec(t, 1, l, "hold", "other")
	r := crashedFamily(t, one, other)
	l.awaitStart(append(familyOf(), "main", "other")...)
	kill(t, r, one.ID)
	if ids, err := r.List(t.Context()); err != nil || !slices.Equal(ids, []runner.ID{other.ID}) {
		t.Errorf("List() after Stop = %v, %v, want the other leftover", ids, err)
	}
	kill(t, r, other.ID)
	l.awaitEnd()
}
