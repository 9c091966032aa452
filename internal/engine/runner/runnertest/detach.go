//go:build unix

package runnertest

import (
	"errors"
	"testing"

	"github.com/runwith/runwith/internal/engine/runner"
)

// An attempt that outlives its Runner runs on after Detach, and the next Runner adopts
// it: with its own exit code, and with the output that was not kept before. Any other
// attempt stays where it is.
func testDetach(t *testing.T, h Harness) {
	spec := h.spec(0, "bow")
	out := h.start(t, spec)
	out.stdout.await("ready\n")
	if !h.outlives() {
		if err := h.Runner.Detach(t.Context(), id(0)); err == nil {
			t.Error("Detach of an attempt that ends with its Runner = nil, want an error")
		}
		finish(t, h.Runner)
		return
	}
	waited := make(chan error)
	go func() {
		_, err := h.Runner.Wait(t.Context(), id(0))
		waited <- err
	}()
	if err := h.Runner.Detach(t.Context(), id(0)); err != nil {
		t.Fatalf("Detach = %v, want no error", err)
	}
	out.closeAfterWait()
	// A Wait that began after Detach does not know the attempt.
	if err := <-waited; !errors.Is(err, runner.ErrDetached) && !errors.Is(err, runner.ErrLost) {
		t.Errorf("Wait during Detach = %v, want ErrDetached", err)
	}
	checkList(t, "after Detach", h.Runner)
	r := h.Reopen(t)
	checkList(t, "of the next Runner", r, id(0))
	spec.Resume = true
	rest := newOutput(t)
	again := rest.both()
	again.Kept = func() (stdout, stderr runner.Extent, err error) { return runner.Extent{Lines: 1}, stderr, nil }
	if err := r.Start(t.Context(), spec, again); err != nil {
		t.Fatalf("Start(%v) = %v, want no error", spec.ID, err)
	}
	finish(t, r)
	if got, want := rest.stdout.String(), "bye\n"; got != want {
		t.Errorf("output of the adopted attempt = %q, want the rest, %q", got, want)
	}
}

// finish lets the task "bow" end.
func finish(t *testing.T, r runner.Runner) {
	t.Helper()
	if err := r.Stop(t.Context(), id(0), forever); err != nil {
		t.Errorf("Stop = %v, want no error", err)
	}
	wait(t, r, id(0), runner.Result{ExitCode: 3})
}

func testDetachUnknown(t *testing.T, h Harness) {
	if err := h.Runner.Detach(t.Context(), id(0)); err == nil {
		t.Error("Detach of an attempt that is not there = nil, want an error")
	}
}
