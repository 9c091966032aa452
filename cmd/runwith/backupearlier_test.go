package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/testneed"
)

// The invocations in testdata/earlier/backup.tar, which a release of 28 November 2026 wrote: one
// that had ended, one that ran, and one that waited for its slot.
const (
	earlierEnded  = "01a22db3-2eb6-7397-8673-a7fd8dc3d0fb"
	earlierRuns   = "01a22db3-3018-7335-a1de-8218bfcab92a"
	earlierQueued = "01a22db3-3052-7c09-a482-97acd3d6429f"
)

// TestRestoreOfAnEarlierRelease restores a backup that an earlier release wrote. Its invocations
// go on.
func TestRestoreOfAnEarlierRelease(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	shell{}.run(t, exitOK, "restore", filepath.Join("testdata", "earlier", "backup.tar"), "--data", data)
	s := startUp(t, data, "--concurrency", "hold=1", "--keep", "876000h") // a century
	for _, id := range []string{earlierEnded, earlierRuns, earlierQueued} {
		got, err := s.client().Wait(t.Context(), id)
		if err != nil || got.State != runwith.StateSucceeded || got.Counts.Succeeded != 1 {
			t.Errorf("invocation %s = %+v, %v, want it succeeded", id, got, err)
		}
	}
	sh := shell{endpoint: s.url}
	if list := sh.ok(t, "executions", "list"); strings.Count(list, "succeeded") != 3 {
		t.Errorf("executions = %q, want one for each invocation", list)
	}
	lines := 0
	for line, err := range s.client().Logs(t.Context(), earlierEnded, nil) {
		if lines++; err != nil || !strings.HasPrefix(line.Text, "hello") {
			t.Errorf("line %d of the ended one = %+v, %v, want hello", lines, line, err)
		}
	}
	if lines != 1 {
		t.Errorf("the ended one has %d lines, want 1", lines)
	}
}
