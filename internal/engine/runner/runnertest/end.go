//go:build unix

package runnertest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
)

func testExitCode(t *testing.T, h Harness) {
	for task, code := range []int{0, 1, 7, 137, 255} {
		h.start(t, h.spec(task, "exit", number(code)))
		wait(t, h.Runner, id(task), runner.Result{ExitCode: code})
	}
}

func testStartTwice(t *testing.T, h Harness) {
	spec := h.spec(0, "bow")
	out := h.start(t, spec)
	out.stdout.await("ready")
	second := start(t, h.Runner, spec)
	if err := h.Runner.Stop(t.Context(), id(0), forever); err != nil {
		t.Errorf("Stop = %v, want no error", err)
	}
	wait(t, h.Runner, id(0), runner.Result{ExitCode: 3})
	if got, want := out.stdout.String(), "ready\nbye\n"; got != want {
		t.Errorf("output of the first Start = %q, want %q", got, want)
	}
	if got := second.stdout.String(); got != "" {
		t.Errorf("output of the second Start = %q, want none", got)
	}
	checkList(t, "at the end", h.Runner)
}

func testStartTwiceAtOnce(t *testing.T, h Harness) {
	spec := h.spec(0, "say", "ran", "0")
	var (
		group sync.WaitGroup
		outs  [8]*output
	)
	for i := range outs {
		outs[i] = newOutput(t)
		group.Go(func() {
			if err := h.Runner.Start(t.Context(), spec, outs[i].both()); err != nil {
				t.Errorf("Start(%v) = %v, want no error", spec.ID, err)
			}
		})
	}
	group.Wait()
	wait(t, h.Runner, id(0), runner.Result{})
	var all []string
	for _, out := range outs {
		all = append(all, out.stdout.String())
	}
	if got := strings.Join(all, ""); got != "ran\n" {
		t.Errorf("8 Starts printed %q, want %q: one attempt", all, "ran\n")
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
			if got, err := h.Runner.Wait(t.Context(), spec.ID); err != nil || got.ExitCode != task {
				t.Errorf("Wait(%v) = %+v, %v, want exit code %d", spec.ID, got, err, task)
			}
			if got, want := out.stdout.String(), fmt.Sprintf("task %d\n", task); got != want {
				t.Errorf("output of task %d = %q, want %q", task, got, want)
			}
		})
	}
	group.Wait()
}

// A command that is not there is the caller's mistake. Nothing runs, and the same ID may
// be started with another command.
func testStartNoCommand(t *testing.T, h Harness) {
	if h.InProcess {
		t.Skip("attempts have no command here")
	}
	for _, command := range []string{"no-such-command", "/no/such/command"} {
		if err := place(t, h.Runner, h.command(0, []string{command})); runwith.CodeOf(err) != runwith.FailedPrecondition {
			t.Errorf("Start of %q = %v, want a FAILED_PRECONDITION", command, err)
		}
		checkList(t, "after the failed Start", h.Runner)
	}
	h.start(t, h.spec(0, "exit", "5"))
	wait(t, h.Runner, id(0), runner.Result{ExitCode: 5})
}

func testRunning(t *testing.T, h Harness) {
	before := time.Now()
	h.start(t, h.spec(0, "bow")).stdout.await("ready")
	began, err := h.Runner.Running(t.Context(), id(0))
	if now := time.Now(); err != nil || began.Before(before.Truncate(time.Second)) || began.After(now) {
		t.Errorf("Running() = %v, %v, want a time between %v and %v", began, err, before, now)
	}
	stop(t, h.Runner, id(0))
	if _, err := h.Runner.Wait(t.Context(), id(0)); err != nil {
		t.Errorf("Wait() = %v, want no error", err)
	}
	if _, err := h.Runner.Running(t.Context(), id(0)); !errors.Is(err, runner.ErrLost) {
		t.Errorf("Running() of a forgotten attempt = %v, want ErrLost", err)
	}
}

func testWaitCancelled(t *testing.T, h Harness) {
	out := h.start(t, h.spec(0, "bow"))
	out.stdout.await("ready")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := h.Runner.Wait(ctx, id(0)); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait with a cancelled context = %+v, %v, want context.Canceled", got, err)
	}
	checkList(t, "after that Wait", h.Runner, id(0))
	if err := h.Runner.Stop(t.Context(), id(0), forever); err != nil {
		t.Errorf("Stop = %v, want no error", err)
	}
	wait(t, h.Runner, id(0), runner.Result{ExitCode: 3}) // it ran on, and was asked to end
}

func testWaitForgets(t *testing.T, h Harness) {
	h.start(t, h.spec(0, "exit", "0"))
	wait(t, h.Runner, id(0), runner.Result{})
	waitLost(t, h.Runner, id(0))
	h.start(t, h.spec(0, "exit", "6"))
	wait(t, h.Runner, id(0), runner.Result{ExitCode: 6})
}

// Release of an attempt that runs, or is not there, does nothing.
func testReleaseEarly(t *testing.T, h Harness) {
	h.Runner.Release(id(0))
	out := h.start(t, h.spec(0, "bow"))
	out.stdout.await("ready")
	h.Runner.Release(id(0))
	checkList(t, "after Release", h.Runner, id(0))
	finish(t, h.Runner)
	if got, want := out.stdout.String(), "ready\nbye\n"; got != want {
		t.Errorf("stdout = %q, want %q", got, want)
	}
}

// A released attempt may be released again, and its ID be started again at once.
func testRelease(t *testing.T, h Harness) {
	for code := range 2 {
		h.start(t, h.spec(0, "exit", number(code)))
		wait(t, h.Runner, id(0), runner.Result{ExitCode: code})
		h.Runner.Release(id(0))
	}
	waitLost(t, h.Runner, id(0))
	checkList(t, "at the end", h.Runner)
}

func testWaitUnknown(t *testing.T, h Harness) { waitLost(t, h.Runner, id(0)) }

// An attempt ends with its main process. A child that goes on printing keeps no Wait
// waiting, and prints nothing after it.
func testEndOfMainEndsAll(t *testing.T, h Harness) {
	if h.InProcess {
		t.Skip("attempts start no children here")
	}
	out := h.start(t, h.spec(0, "leave"))
	wait(t, h.Runner, id(0), runner.Result{})
	out.closeAfterWait()
	if got := out.stdout.String(); !strings.Contains(got, "child\n") {
		t.Errorf("stdout = %q, want the child's lines in it", got)
	}
}

func testListOwn(t *testing.T, h Harness) {
	checkList(t, "at first", h.Runner)
	for _, task := range []int{1, 2} {
		h.start(t, h.spec(task, "bow")).stdout.await("ready")
	}
	checkList(t, "while two attempts run", h.Runner, id(1), id(2))
	for _, task := range []int{1, 2} {
		if err := h.Runner.Stop(t.Context(), id(task), forever); err != nil {
			t.Errorf("Stop = %v, want no error", err)
		}
		wait(t, h.Runner, id(task), runner.Result{ExitCode: 3})
	}
	checkList(t, "at the end", h.Runner)
}
