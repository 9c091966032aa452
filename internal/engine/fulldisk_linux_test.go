package engine_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/testneed"
)

func TestFullDiskRefusesAndRecovers(t *testing.T) {
	t.Parallel()
	dir, fill, empty := testneed.SmallDisk(t)
	e, closeEngine := open(t, dir)
	gate := filepath.Join(t.TempDir(), "gate")
	createShell(t, e, 1, `while [ ! -e "$1" ]; do sleep 0.01; done`, gate)
	operation := runHello(t, e)

	fill()
	// The database's WAL still has some room, which runs out soon.
	var err error
	accepted := 1
	for ; err == nil && accepted < 10_000; accepted++ {
		_, err = e.RunJob(t.Context(), &runpb.RunJobRequest{Name: hello})
	}
	accepted--
	if runwith.CodeOf(err) != runwith.ResourceExhausted || apierror.Status(err) != http.StatusServiceUnavailable {
		t.Errorf("RunJob() on a full disk = %v (%v, HTTP %d), want RESOURCE_EXHAUSTED with 503", err, runwith.CodeOf(err), apierror.Status(err))
	}
	if job, err := e.Job(t.Context(), &runpb.GetJobRequest{Name: hello}); err != nil || int(job.ExecutionCount) != accepted {
		t.Errorf("executions on a full disk = %d, %v; want the %d accepted ones", job.GetExecutionCount(), err, accepted)
	}
	// The end of a task is stored when there is room again.
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	empty()
	if x := wait(t, e, operation); x.SucceededCount != 1 {
		t.Errorf("earlier execution: succeeded tasks = %d, want 1", x.SucceededCount)
	}
	if x := wait(t, e, runHello(t, e)); x.SucceededCount != 1 {
		t.Errorf("later execution: succeeded tasks = %d, want 1", x.SucceededCount)
	}
	closeEngine()
}
