//go:build unix

package runnertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/runwith/runwith/internal/engine/runner"
)

// forever is a grace that does not end during a test.
const forever = time.Hour

// soon is a grace that ends at once, but not before SIGTERM.
const soon = 50 * time.Millisecond

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
	h.start(t, h.spec(0, "stay")).stdout.await("ready")
	if err := h.Runner.Stop(t.Context(), id(0), soon); err != nil {
		t.Errorf("Stop = %v, want no error", err)
	}
	wait(t, h.Runner, id(0), h.killed())
}

func testStopUnknown(t *testing.T, h Harness) {
	if err := h.Runner.Stop(t.Context(), id(0), forever); err != nil {
		t.Errorf("Stop of an attempt that is not there = %v, want no error", err)
	}
}

// Stop also ends a child, which ignores SIGTERM: it prints nothing after Wait.
func testStopEndsAll(t *testing.T, h Harness) {
	if h.InProcess {
		t.Skip("attempts start no children here")
	}
	out := h.start(t, h.spec(0, "tree"))
	out.stdout.await("child\n")
	if err := h.Runner.Stop(t.Context(), id(0), soon); err != nil {
		t.Errorf("Stop = %v, want no error", err)
	}
	wait(t, h.Runner, id(0), h.killed())
	out.closeAfterWait()
}

// A Stop whose context ends does not kill: the grace was not over.
func testStopCancelled(t *testing.T, h Harness) {
	out := h.start(t, h.spec(0, "stay"))
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
