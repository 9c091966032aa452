package jobfile

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/jobspec"
)

// TestFlowStyle checks that text with colons is whole in a list within braces, and that
// anchors still have their values.
func TestFlowStyle(t *testing.T) {
	t.Parallel()
	const text = `name: nightly
template: {template: {containers: [
  {name: a, image: test-job, args: [http://127.0.0.1:80, b:c], env: &env [{name: A, value: "1"}]},
  {name: b, image: test-job, env: *env}]}}
`
	job, err := Parse("f", []byte(text), Target{Location: jobspec.Location{Project: "demo", Region: "us-east4"}})
	if err != nil {
		t.Fatal(err)
	}
	containers := job.GetTemplate().GetTemplate().GetContainers()
	if diff := cmp.Diff([]string{"http://127.0.0.1:80", "b:c"}, containers[0].GetArgs()); diff != "" {
		t.Errorf("args (-want +got):\n%s", diff)
	}
	if got := containers[1].GetEnv(); len(got) != 1 || got[0].GetValue() != "1" {
		t.Errorf("env of an alias = %v, want that of its anchor", got)
	}
}
