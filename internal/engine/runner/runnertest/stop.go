//go:build unix

package runnertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/runwith/runwith/internal/engine/runner"
)

// forever is a grace that no test sees the end of.
const forever = time.Hour

func testStopHonoured(t *testing.T, h Harness) {
	out := h.start(t, h.spec(0, "bow"))
	out.stdout.await("ready")
	if err := h.Runner.Stop(t.Context(), id(0), forever); err != nil {
		t.Errorf("Stop = %v, want no error", err)
	}
	wait(t, h.Runner, id(0), runner.Result{ExitCode: 3})
	if got, want := out.stdout.String(), "ready\nbye\n"; got != want {
		t.Errorf("stdout = %q, want %q", got, want)
	}
}

func testStopEscalates(t *testing.T, h Harness) {
	leash := newLeash(t)
	h.start(t, h.spec(0, "hold", leash.path, "main"))
	leash.awaitStart("main")
	if err := h.Runner.Stop(t.Context(), id(0), 50*time.Millisecond); err != nil {
		t.Errorf("Stop = %v, want no error", err)
	}
	if !h.InProcess {
		leash.awaitEnd()
	}
	wait(t, h.Runner, id(0), h.killed())
}

func testStopUnknown(t *testing.T, h Harness) {
	if err := h.Runner.Stop(t.Context(), id(0), forever); err != nil {
		t.Errorf("Stop of an attempt that is not there = %v, want no error", err)
	}
}

// Stop ends also what has left the process group, and what ignores SIGTERM.
func testStopTree(t *testing.T, h Harness) {
	h.needProcesses(t)
	leash := newLeash(t)
	h.start(t, h.spec(0, "tree", leash.path, h.mayEscape()))
	leash.awaitStart(append(h.family(), "main")...)
	if err := h.Runner.Stop(t.Context(), id(0), 50*time.Millisecond); err != nil {
		t.Errorf("Stop = %v, want no error", err)
	}
	leash.awaitEnd()
	wait(t, h.Runner, id(0), h.killed())
}

// A Stop whose context ends does not kill: the grace was not over.
func testStopCancelled(t *testing.T, h Harness) {
	out := h.start(t, h.spec(0, "stay", newLeash(t).path))
	out.stdout.await("ready")
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error)
	go func() { stopped <- h.Runner.Stop(ctx, id(0), forever) }()
	out.stdout.await("asked")
	cancel()
	if err := <-stopped; !errors.Is(err, context.Canceled) {
		t.Errorf("Stop with a cancelled context = %v, want context.Canceled", err)
	}
	stop(t, h.Runner, id(0))
	wait(t, h.Runner, id(0), h.killed())
}
