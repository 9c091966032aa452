//go:build unix

package main

import (
	"syscall"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/testneed"
)

// TestCrashLosesNoDocument kills the example with everything that belongs to it, right after
// it has accepted documents. The next process processes each of them once.
func TestCrashLosesNoDocument(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	data := t.TempDir()
	x := startProcess(t, &syscall.SysProcAttr{Setpgid: true}, "-data", data)
	var ids []string
	for range 5 {
		_, d := x.send(t, "acme", "one two")
		ids = append(ids, d.ID)
	}
	if err := syscall.Kill(-x.process.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = x.process.Wait()
	x = start(t, "-data", data)
	for _, id := range ids {
		if d := x.ended(t, id); d.State != done {
			t.Errorf("document is %+v, want it done", d)
		}
	}
	started := 0
	for _, err := range (&runwith.Client{Server: x.server}).Invocations(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		started++
	}
	if started != len(ids) {
		t.Errorf("runwith has %d invocations, want one for each of %d documents", started, len(ids))
	}
	x.stop(t)
}
