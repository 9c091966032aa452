package engine_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine"
)

var writeFixture = flag.Bool("fixture", false, "write testdata/schemaN/engine.db anew for the newest schema; a released one never changes")

// schemas is the number of released schemas.
const schemas = 4

// TestEveryReleasedSchemaIsOpened opens a database of each released schema from the fixtures,
// and continues with its content.
func TestEveryReleasedSchemaIsOpened(t *testing.T) {
	t.Parallel()
	if *writeFixture {
		makeFixture(t, fixture(schemas))
	}
	for version := 1; version <= schemas; version++ {
		t.Run(fmt.Sprint("schema ", version), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			copyFile(t, fixture(version), filepath.Join(dir, "engine.db"))
			e, _ := open(t, dir)
			job, err := e.Job(t.Context(), &runpb.GetJobRequest{Name: hello})
			if err != nil || job.ExecutionCount != 3 || job.Generation != 1 {
				t.Fatalf("job = %v, %v; want generation 1 with 3 executions", job, err)
			}
			list, err := e.Executions(t.Context(), &runpb.ListExecutionsRequest{Parent: hello})
			if err != nil || len(list.Executions) != 3 {
				t.Fatalf("executions = %v, %v; want 3", list, err)
			}
			for i, want := range []string{"0 succeeded, 0 failed, 1 cancelled", "0 succeeded, 1 failed, 0 cancelled", "1 succeeded, 0 failed, 0 cancelled"} {
				x := list.Executions[i]
				if got := fmt.Sprintf("%d succeeded, %d failed, %d cancelled", x.SucceededCount, x.FailedCount, x.CancelledCount); got != want {
					t.Errorf("execution %d = %s, want %s", i, got, want)
				}
			}
			wantPolicy(t, e, version)
			if x := wait(t, e, runHello(t, e)); x.SucceededCount != 1 {
				t.Errorf("conditions of a new run = %v, want success", x.Conditions)
			}
		})
	}
}

// wantPolicy checks the job's policy, which schema 2 introduced, and sets it.
func wantPolicy(t *testing.T, e *engine.Engine, version int) {
	t.Helper()
	policy, err := e.IAMPolicy(t.Context(), &iampb.GetIamPolicyRequest{Resource: hello})
	if want := min(version, 2) - 1; err != nil || len(policy.Bindings) != want {
		t.Errorf("policy = %v, %v; want %d bindings", policy, err, want)
	}
	setPolicy(t, e, "user:ann@example.com", "user:bob@example.com")
	policy, err = e.IAMPolicy(t.Context(), &iampb.GetIamPolicyRequest{Resource: hello})
	if err != nil || len(policy.Bindings) != 1 || len(policy.Bindings[0].Members) != 2 {
		t.Errorf("policy after SetIamPolicy = %v, %v; want 1 binding with 2 members", policy, err)
	}
}

// setPolicy sets a policy that allows the members to run the job.
func setPolicy(t *testing.T, e *engine.Engine, members ...string) {
	t.Helper()
	if _, err := e.SetIAMPolicy(t.Context(), &iampb.SetIamPolicyRequest{Resource: hello, Policy: &iampb.Policy{
		Bindings: []*iampb.Binding{{Role: "roles/run.invoker", Members: members}},
	}}); err != nil {
		t.Fatal(err)
	}
}

func fixture(version int) string {
	return filepath.Join("testdata", fmt.Sprint("schema", version), "engine.db")
}

// makeFixture writes a database with a job, its policy, and executions that ended in
// each way.
func makeFixture(t *testing.T, path string) {
	t.Helper()
	dir := t.TempDir()
	e, closeEngine := open(t, dir)
	createShell(t, e, 1, `[ -z "$HOW" ] || eval "$HOW"`)
	setPolicy(t, e, "user:ann@example.com")
	for _, how := range []string{"exit 0", "exit 1", "sleep 1000"} {
		op, err := e.RunJob(t.Context(), &runpb.RunJobRequest{Name: hello, Overrides: &runpb.RunJobRequest_Overrides{
			ContainerOverrides: []*runpb.RunJobRequest_Overrides_ContainerOverride{{
				Env: []*runpb.EnvVar{{Name: "HOW", Values: &runpb.EnvVar_Value{Value: how}}}}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if how == "sleep 1000" {
			x := &runpb.Execution{}
			if err := op.Metadata.UnmarshalTo(x); err != nil {
				t.Fatal(err)
			}
			if _, err := e.CancelExecution(t.Context(), &runpb.CancelExecutionRequest{Name: x.Name}); err != nil {
				t.Fatal(err)
			}
		}
		wait(t, e, op.Name)
	}
	closeEngine()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	copyFile(t, filepath.Join(dir, "engine.db"), path)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
