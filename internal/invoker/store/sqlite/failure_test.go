package sqlite

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/sqlite"
)

// TestFailureOfAnEarlierVersion reads the tasks of a failure as earlier versions stored them.
func TestFailureOfAnEarlierVersion(t *testing.T) {
	t.Parallel()
	got := runwith.Failure{Code: "ABORTED", Message: "why"}
	err := decodeDetail(`[{"task":2,"attempts":3,"exitCode":4,"stderr":["a"]},{"task":5,"attempts":1,"signal":9}]`, &got)
	want := runwith.Failure{
		Code: "ABORTED", Message: "why", Task: new(2), Attempt: new(2), ExitCode: 4, Stderr: []string{"a"},
		Tasks: []runwith.TaskFailure{{Task: 2, Attempts: 3, ExitCode: 4}, {Task: 5, Attempts: 1, Signal: 9}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("failure (-want +got), %v:\n%s", err, diff)
	}
	for _, text := range []string{"[", "{", `{"task":"x"}`} {
		if err := decodeDetail(text, &got); !errors.Is(err, sqlite.ErrDamaged) {
			t.Errorf("decodeDetail(%q) = %v, want %v", text, err, sqlite.ErrDamaged)
		}
	}
}
