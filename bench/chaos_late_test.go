package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/testneed"
)

// TestLatenessBeyondTheSettlingDelay loses the answer to a start, and hides the execution
// from lists for longer than the settling delay. The job is then started twice: one
// execution survives, and the other is cancelled and counted.
func TestLatenessBeyondTheSettlingDelay(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	needProcesses(t)
	b := &bench{dir: t.TempDir(), progress: t.Output()}
	var err error
	if b.binary, err = b.build(t.Context(), "runwith", "github.com/runwith/runwith/cmd/runwith"); err != nil {
		t.Fatal(err)
	}
	job := filepath.Join(b.dir, "job.yaml")
	text := fmt.Sprintf(`{"name":%q,"template":{"template":{"containers":[{"image":"sleep","command":["sleep","1000"]}]}}}`, jobID)
	if err := os.WriteFile(job, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	serve := func(args ...string) *server {
		s, err := start(t.Context(), b.progress, readyLine, append([]string{b.binary}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.stop(); err != nil {
				t.Error(err)
			}
		})
		return s
	}
	engine := serve("engine", "--addr", "127.0.0.1:0", "--data", filepath.Join(b.dir, "engine"), "--job", job,
		"--fault", "RunJob: answer-lost, n=1", "--fault", "listed-late=5s, n=1")
	invoker := serve("serve", "--allow-unauthenticated", "--addr", "127.0.0.1:0", "--data", filepath.Join(b.dir, "invoker"),
		"--endpoint", "http://"+engine.addr, "--call-timeout", "1s", "--settle", "1s")
	client := &runwith.Client{Server: "http://" + invoker.addr}
	i, err := client.Run(t.Context(), jobID, nil)
	if err != nil {
		t.Fatal(err)
	}
	eventually.True(t, "the invocation has a twin", func() bool {
		if i, err = client.Invocation(t.Context(), i.ID); err != nil {
			t.Fatal(err)
		}
		return i.Twins > 0
	})
	survivor := i.Execution
	if i.State != runwith.StateRunning || i.Twins != 1 || i.Attempts != 2 {
		t.Errorf("invocation = %+v, want it running with one twin after two attempts", i)
	}
	cloud, err := dial(t.Context(), engine.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer cloud.close()
	eventually.True(t, "one execution is cancelled", func() bool {
		var names []string
		cancelled := 0
		for e, err := range cloud.executions.ListExecutions(t.Context(), &runpb.ListExecutionsRequest{Parent: jobName}).All() {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, e.Name)
			if e.CancelledCount == 1 {
				cancelled++
				if e.Name == survivor {
					t.Fatalf("execution %s is cancelled, which is the invocation's own", e.Name)
				}
			}
		}
		if len(names) != 2 || cancelled > 1 {
			t.Fatalf("executions = %v, %d cancelled; want two, and one cancelled", names, cancelled)
		}
		return cancelled == 1
	})
	if i, err = client.Cancel(t.Context(), i.ID); err != nil {
		t.Fatal(err)
	}
	if i, err = client.Wait(t.Context(), i.ID); err != nil {
		t.Fatal(err)
	}
	if i.State != runwith.StateCancelled {
		t.Errorf("state in the end = %s, want cancelled", i.State)
	}
	if i.Execution != survivor {
		t.Errorf("execution in the end = %s, want %s", i.Execution, survivor)
	}
	if i.Twins != 1 {
		t.Errorf("twins in the end = %d, want 1", i.Twins)
	}
}
