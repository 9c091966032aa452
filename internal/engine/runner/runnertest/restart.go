//go:build unix

package runnertest

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/runwith/runwith/internal/engine/runner"
)

// CrashIn places attempts from a process of its own over the data in dir, and
// kills it with SIGKILL once they run. The test binary must call [Main].
func CrashIn(t *testing.T, dir string, specs ...runner.Spec) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	server := exec.Command(program, crashArg, dir)
	server.Stderr = os.Stderr
	in, inErr := server.StdinPipe()
	out, outErr := server.StdoutPipe()
	if inErr != nil || outErr != nil {
		t.Fatal(inErr, outErr)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}()
	if err := json.NewEncoder(in).Encode(placements(t, specs)); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "placed\n" {
		t.Fatalf("the process that is to crash said %q, %v, want \"placed\"", line, err)
	}
}

func placements(t *testing.T, specs []runner.Spec) (all []placement) {
	t.Helper()
	for _, spec := range specs {
		template, err := protojson.Marshal(spec.Template)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, placement{ID: spec.ID, Template: template, Env: spec.Env})
	}
	return all
}

// After a crash an attempt is adopted or lost; lost means that nothing is left.
func testCrashWait(t *testing.T, h Harness) {
	h.needProcesses(t)
	leash := newLeash(t)
	r := h.Crash(t, h.spec(0, "tree", leash.path, h.mayEscape()))
	leash.awaitStart(append(h.family(), "main")...)
	if got, want := list(t, r), []runner.ID{id(0)}; !slices.Equal(got, want) {
		t.Errorf("List() after the crash = %v, want %v", got, want)
	}
	leash.wantLive()
	// To start it again does nothing: two of it must never run.
	if err := r.Start(t.Context(), h.spec(0, "exit", "9"), newOutput(t).both()); err != nil {
		t.Errorf("Start(%v) after the crash = %v, want no error", id(0), err)
	}
	if h.Adopts {
		stop(t, r, id(0))
		wait(t, r, id(0), h.killed())
	} else {
		waitLost(t, r, id(0))
	}
	leash.awaitEnd()
	if got := list(t, r); len(got) != 0 {
		t.Errorf("List() after Wait = %v, want none", got)
	}
}

// An attempt that is no process is gone with its runner, and lost.
func testCrashGone(t *testing.T, h Harness) {
	if !h.InProcess {
		t.Skip("attempts outlive the runner here")
	}
	r := h.Crash(t, h.spec(0, "bow"))
	if got := list(t, r); len(got) != 0 {
		t.Errorf("List() after the crash = %v, want none", got)
	}
	waitLost(t, r, id(0))
}

func testCrashStop(t *testing.T, h Harness) {
	h.needProcesses(t)
	leash := newLeash(t)
	r := h.Crash(t, h.spec(0, "tree", leash.path, h.mayEscape()), h.spec(1, "hold", leash.path, "other"))
	leash.awaitStart(append(h.family(), "main", "other")...)
	if err := r.Stop(t.Context(), id(0), 0); err != nil {
		t.Errorf("Stop(%v) after the crash = %v, want no error", id(0), err)
	}
	if got, want := list(t, r), []runner.ID{id(1)}; !slices.Equal(got, want) {
		t.Errorf("List() after Stop = %v, want %v", got, want)
	}
	stop(t, r, id(1))
	leash.awaitEnd()
}

// What was lost is placed again as the next incarnation. To end the one spares
// the others, also where the text of one ID begins that of another.
func testCrashSparesOthers(t *testing.T, h Harness) {
	h.needProcesses(t)
	leash, first, tenth := newLeash(t), id(0), id(0)
	first.Incarnation, tenth.Incarnation = 1, 10
	r := h.Crash(t, h.spec(0, "hold", leash.path, "lost"))
	leash.awaitStart("lost")
	last := h.shell(0, "while [ ! -e "+leash.path+".go ]; do sleep 0.01; done; exit 4")
	for id, spec := range map[runner.ID]runner.Spec{first: h.spec(0, "hold", leash.path, "first"), tenth: last} {
		spec.ID = id
		if err := r.Start(t.Context(), spec, newOutput(t).both()); err != nil {
			t.Fatalf("Start(%v) = %v, want no error", id, err)
		}
		t.Cleanup(func() { stop(t, r, id) })
	}
	leash.awaitStart("first")
	stop(t, r, id(0))
	stop(t, r, first)
	leash.awaitEnd()
	wait(t, r, first, h.killed())
	if got, want := list(t, r), []runner.ID{tenth}; !slices.Equal(got, want) {
		t.Errorf("List() = %v, want %v", got, want)
	}
	touch(t, leash.path+".go")
	wait(t, r, tenth, runner.Result{ExitCode: 4})
}
