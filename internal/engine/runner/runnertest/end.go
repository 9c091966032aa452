//go:build unix

package runnertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
)

func testExitCode(t *testing.T, h Harness) {
	for task, code := range []int{0, 1, 7, 137, 255} {
		h.start(t, h.spec(task, "exit", number(code)))
		wait(t, h.Runner, id(task), runner.Result{ExitCode: code})
	}
}

func testSignal(t *testing.T, h Harness) {
	h.needProcesses(t)
	if h.Init {
		t.Skip("no signal from inside ends the main process")
	}
	for task, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		h.start(t, h.shell(task, fmt.Sprintf("kill -%d $$", signal)))
		wait(t, h.Runner, id(task), runner.Result{Signal: int(signal)})
	}
}

func testStartTwice(t *testing.T, h Harness) {
	count := join(scratch(t), "count")
	spec := h.spec(0, "ready", count)
	out := h.start(t, spec)
	out.stdout.await("ready")
	second := newOutput(t)
	if err := h.Runner.Start(t.Context(), spec, second.both()); err != nil {
		t.Fatalf("second Start(%v) = %v, want no error", spec.ID, err)
	}
	touch(t, count+".go")
	wait(t, h.Runner, id(0), runner.Result{})
	if got := lines(t, count); got != 1 {
		t.Errorf("the task ran %d times, want once", got)
	}
	if got, want := out.stdout.String(), "ready\nout\n"; got != want {
		t.Errorf("output of the first Start = %q, want %q", got, want)
	}
	if got := second.stdout.String(); got != "" {
		t.Errorf("output of the second Start = %q, want none", got)
	}
}

func testStartTwiceAtOnce(t *testing.T, h Harness) {
	count := join(scratch(t), "count")
	spec := h.spec(0, "count", count)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if err := h.Runner.Start(t.Context(), spec, newOutput(t).both()); err != nil {
				t.Errorf("Start(%v) = %v, want no error", spec.ID, err)
			}
		})
	}
	group.Wait()
	wait(t, h.Runner, id(0), runner.Result{})
	if got := lines(t, count); got != 1 {
		t.Errorf("the task ran %d times, want once", got)
	}
}

func testStartMany(t *testing.T, h Harness) {
	var group sync.WaitGroup
	for task := range 16 {
		group.Go(func() {
			out := newOutput(t)
			spec := h.spec(task, "say", fmt.Sprint("task ", task), number(task))
			if err := h.Runner.Start(t.Context(), spec, out.both()); err != nil {
				t.Errorf("Start(%v) = %v, want no error", spec.ID, err)
				return
			}
			got, err := h.Runner.Wait(t.Context(), spec.ID)
			if want := (runner.Result{ExitCode: task}); err != nil || got != want {
				t.Errorf("Wait(%v) = %+v, %v, want %+v", spec.ID, got, err, want)
			}
			if got, want := out.stdout.String(), fmt.Sprintf("task %d\n", task); got != want {
				t.Errorf("output of task %d = %q, want %q", task, got, want)
			}
		})
	}
	group.Wait()
}

// A command that is not there is the caller's mistake; nothing runs, and the same
// ID may be started with another.
func testStartNoCommand(t *testing.T, h Harness) {
	h.needProcesses(t)
	for _, command := range []string{"no-such-command", "/no/such/command"} {
		spec := h.command(0, []string{command})
		err := h.Runner.Start(t.Context(), spec, newOutput(t).both())
		if e, ok := errors.AsType[*runwith.Error](err); !ok || e.Code != runwith.FailedPrecondition {
			t.Errorf("Start of %q = %v, want a FAILED_PRECONDITION", command, err)
		}
		if got := list(t, h.Runner); len(got) != 0 {
			t.Errorf("List() after the failed Start = %v, want none", got)
		}
	}
	h.start(t, h.spec(0, "exit", "5"))
	wait(t, h.Runner, id(0), runner.Result{ExitCode: 5})
}

func testWaitCancelled(t *testing.T, h Harness) {
	leash := newLeash(t)
	h.start(t, h.spec(0, "hold", leash.path, "main"))
	leash.awaitStart("main")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := h.Runner.Wait(ctx, id(0)); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait with a cancelled context = %+v, %v, want context.Canceled", got, err)
	}
	leash.wantLive()
	if got, want := list(t, h.Runner), []runner.ID{id(0)}; !slices.Equal(got, want) {
		t.Errorf("List() = %v, want %v", got, want)
	}
}

func testWaitForgets(t *testing.T, h Harness) {
	h.start(t, h.spec(0, "exit", "0"))
	wait(t, h.Runner, id(0), runner.Result{})
	waitLost(t, h.Runner, id(0))
	h.start(t, h.spec(0, "exit", "6"))
	wait(t, h.Runner, id(0), runner.Result{ExitCode: 6})
}

func testWaitUnknown(t *testing.T, h Harness) { waitLost(t, h.Runner, id(0)) }

// A process that left the group and holds the pipes keeps no Wait waiting.
func testWaitHeldPipe(t *testing.T, h Harness) {
	h.needProcesses(t)
	h.needOrphans(t)
	if h.Escapes {
		t.Skip("what leaves the group is not ended here")
	}
	leash := newLeash(t)
	out := h.start(t, h.spec(0, "orphan", leash.path))
	leash.awaitStart("orphan")
	wait(t, h.Runner, id(0), runner.Result{})
	if got, want := out.stdout.String(), pattern("stdout", orphanOutput); got != want {
		t.Errorf("stdout: got %d bytes, want all %d", len(got), len(want))
	}
	leash.awaitEnd()
}

// An attempt ends with its main process: nothing outlives it for long.
func testEndOfMainEndsAll(t *testing.T, h Harness) {
	h.needProcesses(t)
	leash := newLeash(t)
	h.start(t, h.spec(0, "litter", leash.path, h.mayEscape()))
	leash.awaitStart(h.family()...)
	touch(t, leash.path+".go")
	wait(t, h.Runner, id(0), runner.Result{})
	leash.awaitEnd()
}

func testListOwn(t *testing.T, h Harness) {
	if got := list(t, h.Runner); len(got) != 0 {
		t.Errorf("List() at first = %v, want none", got)
	}
	leash := newLeash(t)
	h.start(t, h.spec(1, "hold", leash.path, "one"))
	h.start(t, h.spec(2, "hold", leash.path, "two"))
	leash.awaitStart("one", "two")
	if got, want := list(t, h.Runner), []runner.ID{id(1), id(2)}; !slices.Equal(got, want) {
		t.Errorf("List() = %v, want %v", got, want)
	}
	stop(t, h.Runner, id(1))
	stop(t, h.Runner, id(2))
	wait(t, h.Runner, id(1), h.killed())
	wait(t, h.Runner, id(2), h.killed())
	if got := list(t, h.Runner); len(got) != 0 {
		t.Errorf("List() at the end = %v, want none", got)
	}
}
