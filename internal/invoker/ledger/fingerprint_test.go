package ledger

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
)

func fingerprint(t *testing.T, job string, o runwith.Overrides) string {
	t.Helper()
	asked, err := json.Marshal(runwith.Request{Overrides: o})
	if err != nil {
		t.Fatal(err)
	}
	text, err := Fingerprint(job, asked)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	type request struct {
		Job       string
		Overrides runwith.Overrides
	}
	base := func() request {
		return request{Job: "report", Overrides: runwith.Overrides{Args: []string{"a"}, Env: map[string]string{"A": "1"}, TaskCount: 1, Timeout: time.Minute}}
	}
	for name, test := range map[string]struct {
		change func(*request)
		want   []string
	}{
		"nothing":        {func(*request) {}, nil},
		"no environment": {func(r *request) { r.Overrides.Env = nil }, []string{"env"}},
		"empty args":     {func(r *request) { r.Overrides.Args = []string{} }, []string{"args"}},
		"no args":        {func(r *request) { r.Overrides.Args = nil }, []string{"args"}},
		"args in one":    {func(r *request) { r.Overrides.Args = []string{`a","b`} }, []string{"args"}},
		"several": {func(r *request) { r.Job, r.Overrides.TaskCount, r.Overrides.Timeout = "x", 2, time.Hour },
			[]string{"job", "taskCount", "timeout"}},
		"containers": {func(r *request) { r.Overrides.Containers = []runwith.ContainerOverride{{Name: "c"}} }, []string{"containers"}},
	} {
		changed := base()
		test.change(&changed)
		if diff := cmp.Diff(test.want, differing(fingerprint(t, base().Job, base().Overrides), fingerprint(t, changed.Job, changed.Overrides))); diff != "" {
			t.Errorf("%s: what differs (-want +got):\n%s", name, diff)
		}
	}
}

// TestRerunFingerprint checks that the origin counts, and the job.
func TestRerunFingerprint(t *testing.T) {
	t.Parallel()
	of := func(job, changes, origin string) string {
		f, err := RerunFingerprint(job, []byte(changes), origin)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	same := of("a", `{"args":["x"]}`, "1")
	if again := of("a", `{"args":["x"]}`, "1"); again != same {
		t.Errorf("fingerprint = %s, and again %s", same, again)
	}
	for field, other := range map[string]string{
		"job": of("b", `{"args":["x"]}`, "1"), "args": of("a", `{"args":["y"]}`, "1"), "rerunOf": of("a", `{"args":["x"]}`, "2"),
	} {
		if got := differing(same, other); len(got) != 1 || got[0] != field {
			t.Errorf("they differ in %v, want %s", got, field)
		}
	}
}
