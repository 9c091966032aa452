package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	cloudrun "cloud.google.com/go/run/apiv2"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
)

const parent = "projects/demo/locations/us-east4"

// startHolding starts a server with the job hold, whose tasks run until they are
// released, or fail after a minute.
func startHolding(t *testing.T, args ...string) *server {
	t.Helper()
	dir := t.TempDir()
	job := filepath.Join(dir, "hold.yaml")
	err := os.WriteFile(job, []byte(`
name: hold
template:
  template:
    maxRetries: 0
    containers:
      - image: hold
        command: [sh, -c, 'echo "task runs"; until test -e "$RELEASED"; do test $((i += 1)) -lt 1200 && sleep 0.05 || exit 1; done']
        env: [{ name: RELEASED, value: "`+filepath.Join(dir, "data", "released")+`" }]
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return startUp(t, filepath.Join(dir, "data"), append(args, "--job", job)...)
}

// release lets the tasks of hold end.
func (s *server) release(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.data, "released"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// start starts hold, and returns the ID of the invocation that was accepted.
func (s *server) start(t *testing.T) string {
	t.Helper()
	invocation, err := s.client().Run(t.Context(), "hold", nil)
	if err != nil {
		t.Fatal(err)
	}
	return invocation.ID
}

// waitFor waits until an invocation is as it should be.
func (s *server) waitFor(t *testing.T, id string, is func(*runwith.Invocation) bool) {
	t.Helper()
	eventually.True(t, "invocation "+id+" is as wanted", func() bool {
		invocation, err := s.client().Invocation(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return is(invocation)
	})
}

// firstLine waits until an invocation's task has printed something.
func (s *server) firstLine(t *testing.T, id string) {
	t.Helper()
	for _, err := range s.client().Logs(t.Context(), id, &runwith.LogsOptions{Follow: true}) {
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatal("the task printed nothing")
}

// checkSettled waits until an invocation has settled: it succeeded, with one
// execution.
func (s *server) checkSettled(t *testing.T, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	end, err := s.client().Wait(ctx, id)
	if err != nil {
		t.Fatalf("wait for invocation %s: %v (it is %+v)", id, err, end)
	}
	if end.State != runwith.StateSucceeded {
		t.Errorf("invocation %s is %s (%+v), want it succeeded", id, end.State, end.Error)
	}
	if executions := s.executionsOf(t, id); len(executions) != 1 || executions[0].Name != end.Execution {
		t.Errorf("invocation %s succeeded with execution %q, and has %d executions, want this one", id, end.Execution, len(executions))
	}
	eventually.True(t, "the executions have ended", func() bool {
		return !slices.ContainsFunc(s.executionsOf(t, id), func(e *runpb.Execution) bool { return e.CompletionTime == nil })
	})
	for _, e := range s.executionsOf(t, id) {
		if e.SucceededCount != 1 || e.RetriedCount != 0 {
			t.Errorf("%s: %d tasks succeeded and %d were retried, want 1 and 0", e.Name, e.SucceededCount, e.RetriedCount)
		}
	}
}

// executionsOf are those of hold that carry an invocation's ID.
func (s *server) executionsOf(t *testing.T, invocation string) []*runpb.Execution {
	t.Helper()
	return slices.DeleteFunc(s.executions(t, "hold"), func(e *runpb.Execution) bool { return invocationOf(e) != invocation })
}

// invocationOf is the ID of the invocation that an execution carries.
func invocationOf(execution *runpb.Execution) string {
	for _, variable := range execution.GetTemplate().GetContainers()[0].GetEnv() {
		if variable.GetName() == "RUNWITH_INVOCATION" {
			return variable.GetValue()
		}
	}
	return ""
}

// executions are a job's, by Google's client.
func (s *server) executions(t *testing.T, job string) (all []*runpb.Execution) {
	t.Helper()
	client, err := cloudrun.NewExecutionsClient(t.Context(), option.WithEndpoint(s.addr()), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	list := client.ListExecutions(t.Context(), &runpb.ListExecutionsRequest{Parent: parent + "/jobs/" + job})
	for execution, err := range list.All() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, execution)
	}
	return all
}
