package process

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/runwith/runwith/internal/engine/runner"
)

// TestStopLeavesNothing checks that Stop ends processes that left the group before it returns.
func TestStopLeavesNothing(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip("this machine has no setsid command")
	}
	r := openTest(t, Config{Dir: t.TempDir()})
	r.sweeper.closed = true // it would end it as well, a little later
	started := make(notify, 1)
	spec := shell("setsid sh -c 'echo; exec sleep 1000 >/dev/null 2>&1' & sleep 1000")
	if err := r.Start(t.Context(), spec, runner.Output{Stdout: started}); err != nil {
		t.Fatal(err)
	}
	<-started
	if err := r.Stop(t.Context(), spec.ID, 0); err != nil {
		t.Errorf("Stop = %v, want no error", err)
	}
	if left, err := marked(string(r.marker)); err != nil || len(left) > 0 {
		t.Errorf("processes after Stop = %v, %v, want none", left, err)
	}
}

// TestStartTimesAgreeWithProc compares start times with /proc's. If they differed, a record would
// not find its process.
func TestStartTimesAgreeWithProc(t *testing.T) {
	t.Parallel()
	r := openTest(t, Config{Dir: t.TempDir()})
	for range 30 {
		before := bootTicks()
		cmd := exec.Command("sleep", "1000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		got, err := r.started(cmd.Process.Pid, before)
		want, _, wantErr := lookProcess(cmd.Process.Pid)
		if err := errors.Join(err, wantErr, cmd.Process.Kill()); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // it was killed
		if got != want {
			t.Errorf("started() = %+v, want %+v as /proc has it", got, want)
		}
	}
	if !r.clockAgrees.Load() {
		t.Error("the clock never agreed with /proc")
	}
}

// TestAwaitExitWithoutPolling checks that a child is awaited, not given up, if the runtime cannot poll
// its pidfd.
func TestAwaitExitWithoutPolling(t *testing.T) {
	t.Parallel()
	file, err := os.Open(os.DevNull) // cannot be polled either
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd := exec.Command("sleep", "0.1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := awaitPidfd(file, cmd.Process.Pid); err != nil {
		t.Errorf("awaitPidfd() = %v, want no error", err)
	}
	if _, dead, err := lookProcess(cmd.Process.Pid); err != nil || !dead {
		t.Errorf("the child after awaitPidfd(): dead = %t, %v, want that it is dead and not reaped", dead, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// notify takes a value at each write.
type notify chan struct{}

func (n notify) Write(b []byte) (int, error) {
	n <- struct{}{}
	return len(b), nil
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	const line = "42 (a) b (c) Z 1 40 40 0 -1 4194304 81 0 0 0 1 2 3 4 20 0 1 0 12345 99 0"
	want := stat{state: 'Z', group: 40, start: 12345}
	if got, err := parseStat([]byte(line)); err != nil || got != want || !got.dead() {
		t.Errorf("parseStat(%q) = %+v, %v, want %+v, dead", line, got, err, want)
	}
	for _, line := range []string{"", "42 (a)", "42 (a) S 1 40"} {
		if got, err := parseStat([]byte(line)); err == nil {
			t.Errorf("parseStat(%q) = %+v, want an error", line, got)
		}
	}
}

func TestFindMarker(t *testing.T) {
	t.Parallel()
	for env, want := range map[string]string{
		"RUNWITH_ATTEMPT=id/e/0/0/0\x00A=b\x00":      "id/e/0/0/0",
		"A=b\x00RUNWITH_ATTEMPT=id/e/0/0/0":          "id/e/0/0/0",
		"A=RUNWITH_ATTEMPT=id/e/0/0/0\x00":           "",
		"X_RUNWITH_ATTEMPT=id/e/0/0/0\x00":           "",
		"RUNWITH_ATTEMPT=other/e/0/0/0\x00A=id/\x00": "",
		"": "",
	} {
		if got, ok := findMarker([]byte(env), "id/"); got != want || ok != (want != "") {
			t.Errorf("findMarker(%q) = %q, %t, want %q", env, got, ok, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("42 (a) b (c) Z 1 40 40 0 -1 4194304 81 0 0 0 1 2 3 4 20 0 1 0 12345 99 0"))
	f.Add([]byte("{\"id\":\"e/0/0/0\",\"pid\":1}\n"))
	f.Fuzz(func(_ *testing.T, b []byte) { // none may panic
		_, _ = parseStat(b)
		_ = parseSlots(b)
		_, _ = runner.ParseID(string(b))
		_, _ = findMarker(b, "id/")
	})
}

// TestMarkerOfNewFolderIsUnused checks when a runner need not look for processes with its marker:
// in a new folder, until it launches one.
func TestMarkerOfNewFolderIsUnused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := openTest(t, Config{Dir: dir})
	if !r.unused.Load() {
		t.Error("unused in a new folder = false, want true")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = openTest(t, Config{Dir: dir})
	if r.unused.Load() {
		t.Error("unused in a folder of an earlier server = true, want false: that server may have left processes")
	}
}
