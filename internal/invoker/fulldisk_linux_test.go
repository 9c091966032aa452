package invoker

import (
	"context"
	"path/filepath"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/testneed"
)

func TestFullDiskRefusesAndRecovers(t *testing.T) {
	t.Parallel()
	dir, fill, empty := testneed.SmallDisk(t)
	calling, answer := make(chan struct{}), make(chan struct{})
	c := &cloud{life: 1, run: func(_ context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
		if n == 0 {
			close(calling)
			<-answer
		}
		return start(), nil
	}}
	v := reopen(t, c, filepath.Join(dir, "invoker.db"))
	<-v.Rebuilt() // keys are known
	request := Request{Job: "report", Key: "under way when the disk fills"}
	first, _, err := v.Invoke(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	<-calling

	fill()
	// The database's log still has room; that runs out soon.
	accepted := []string{first.ID}
	for len(accepted) < 10_000 {
		var i runwith.Invocation
		if i, _, err = v.Invoke(t.Context(), Request{Job: "report"}); err != nil {
			break
		}
		accepted = append(accepted, i.ID)
	}
	if runwith.CodeOf(err) != runwith.ResourceExhausted || cause.KindOf(err) != cause.DiskFull {
		t.Errorf("Invoke() on a full disk = %v (%v), want RESOURCE_EXHAUSTED because of the disk", err, runwith.CodeOf(err))
	}
	readIf(v, true)
	if again, replayed, err := v.Invoke(t.Context(), request); err != nil || !replayed || again.ID != first.ID {
		t.Errorf("a repeat on a full disk = %s, %v, %v; want %s, which is on disk", again.ID, replayed, err, first.ID)
	}
	close(answer) // it can be recorded only when there is room

	empty()
	after := invoke(t, v, runwith.Overrides{})
	for _, id := range append(accepted, after.ID) {
		if i := wait(t, v, id); i.State != runwith.StateSucceeded {
			t.Errorf("invocation %s is %s, %+v; want it succeeded", id, i.State, i.Error)
		}
	}
	executions := c.executions()
	for id, n := range executions {
		if n != 1 {
			t.Errorf("invocation %s has %d executions, want 1", id, n)
		}
	}
	if len(executions) != len(accepted)+1 {
		t.Errorf("%d invocations have executions, want the %d that were accepted", len(executions), len(accepted)+1)
	}
}
