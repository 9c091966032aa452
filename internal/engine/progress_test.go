package engine_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/enginetest"
	"github.com/runwith/runwith/internal/eventually"
)

// seen records the calls of Config.Progress by execution.
type seen struct {
	mu sync.Mutex
	by map[string][]string
}

func (s *seen) progress(x *runpb.Execution) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := path.Base(x.GetName())
	s.by[id] = append(s.by[id], fmt.Sprintf("running %t, failed %d", x.GetReconciling(), x.GetFailedCount()))
}

// await returns the calls of an execution once there are n, because the end of an
// execution is known before it is reported.
func (s *seen) await(t *testing.T, id string, n int) (calls []string) {
	t.Helper()
	eventually.True(t, fmt.Sprintf("%d calls", n), func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		calls = slices.Clone(s.by[id])
		return len(calls) >= n
	})
	return calls
}

// Progress hears of the start and of the end, each once, and nothing of what an earlier
// process has reported.
func TestProgress(t *testing.T) {
	t.Parallel()
	dir, s := t.TempDir(), &seen{by: map[string][]string{}}
	first := enginetest.Open(t, enginetest.Config{Config: engine.Config{Dir: dir, MaxTasks: 1, Progress: s.progress}})
	createShell(t, first.Engine, 2, `exit $CLOUD_RUN_TASK_INDEX`)
	x := wait(t, first.Engine, runHello(t, first.Engine))
	id := path.Base(x.Name)
	if diff := cmp.Diff([]string{"running true, failed 0", "running false, failed 1"}, s.await(t, id, 2)); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
	if _, err := first.Engine.DeleteExecution(t.Context(), &runpb.DeleteExecutionRequest{Name: x.Name}); err != nil {
		t.Fatal(err)
	}
	if n := len(s.await(t, id, 2)); n != 2 {
		t.Errorf("after the deletion of an ended execution: %d calls, want 2", n)
	}

	_, err := first.Engine.UpdateJob(t.Context(), &runpb.UpdateJobRequest{Job: sleeper(t, dir)})
	if err != nil {
		t.Fatal(err)
	}
	operation := runHello(t, first.Engine)
	eventually.NoError(t, func() error {
		_, err := os.Stat(filepath.Join(dir, "once"))
		return err
	})
	first.Close()
	s = &seen{by: map[string][]string{}}
	second := enginetest.Open(t, enginetest.Config{Config: engine.Config{Dir: dir, Progress: s.progress}})
	x = wait(t, second.Engine, operation)
	if diff := cmp.Diff([]string{"running false, failed 0"}, s.await(t, path.Base(x.Name), 1)); diff != "" {
		t.Errorf("progress after a restart (-want +got):\n%s", diff)
	}
}

// sleeper returns the job hello, whose first incarnation hangs.
func sleeper(t *testing.T, dir string) *runpb.Job {
	t.Helper()
	script := strings.ReplaceAll(`mkdir "DIR/once" && sleep 1000; exit 0`, "DIR", dir)
	return &runpb.Job{Name: hello, Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{
		Containers: []*runpb.Container{{Image: "sh", Command: []string{"sh", "-c", script}}},
	}}}
}
