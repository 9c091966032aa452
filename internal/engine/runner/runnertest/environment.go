//go:build unix

package runnertest

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
)

func testArgs(t *testing.T, h Harness) {
	want := []string{"", "a b", " ", `"quoted" 'too'`, "$HOME", "*", "-x", "a\nb", "ü", ""}
	out := h.start(t, h.spec(0, append([]string{"args"}, want...)...))
	wait(t, h.Runner, id(0), runner.Result{})
	if got := decode(t, out.stdout); !slices.Equal(got, want) {
		t.Errorf("args = %q, want %q", got, want)
	}
}

// The environment is the template's, then the platform's, then the runner's own. Nothing
// of the test's environment may leak: that has at least the variables of `go test`.
func testEnv(t *testing.T, h Harness) {
	spec := h.spec(0, "env")
	for _, v := range [][2]string{{"A", "of the template"}, {"EMPTY", ""}, {"SPACES", " a b "}, {"BOTH", "of the template"}} {
		spec.Template.Containers[0].Env = append(spec.Template.Containers[0].Env,
			&runpb.EnvVar{Name: v[0], Values: &runpb.EnvVar_Value{Value: v[1]}})
	}
	spec.Env = map[string]string{"BOTH": "of the platform", "CLOUD_RUN_TASK_INDEX": "0"}
	want := map[string]string{
		"A": "of the template", "EMPTY": "", "SPACES": " a b ",
		"BOTH": "of the platform", "CLOUD_RUN_TASK_INDEX": "0",
	}
	out := h.start(t, spec)
	wait(t, h.Runner, id(0), runner.Result{})
	got := make(map[string]string)
	for _, entry := range decode(t, out.stdout) {
		name, value, _ := strings.Cut(entry, "=")
		if _, twice := got[name]; twice {
			t.Errorf("%s is there twice", name)
		}
		got[name] = value
	}
	for _, name := range h.Env {
		if _, ok := got[name]; !ok {
			t.Errorf("%s is missing, which the runner says that it adds", name)
		}
		delete(got, name)
	}
	if !maps.Equal(got, want) {
		t.Errorf("environment = %q, want %q", got, want)
	}
	if os.Getenv(Canary) == "" {
		t.Errorf("%s is not set in the test's environment: what must not leak cannot be seen", Canary)
	}
}

// Canary is a variable that [Main] sets in the environment of the tests. It must not
// leak into a task.
const Canary = "RUNNERTEST_CANARY"

func decode(t *testing.T, s *sink) (list []string) {
	t.Helper()
	if err := json.Unmarshal([]byte(s.String()), &list); err != nil {
		t.Fatalf("decode %q: %v", s, err)
	}
	return list
}
