package runner_test

import (
	"testing"

	"github.com/runwith/runwith/internal/engine/runner"
)

func TestParseID(t *testing.T) {
	t.Parallel()
	want := runner.ID{Execution: "projects/p/executions/e", Task: 9999, Attempt: 10, Incarnation: 2}
	if got, err := runner.ParseID(want.String()); err != nil || got != want {
		t.Errorf("runner.ParseID(%q) = %+v, %v, want %+v", want, got, err, want)
	}
	for _, s := range []string{"", "e", "1/2", "1/2/3", "e/1/2/x", "e/1/2/3x", "e//2/3"} {
		if got, err := runner.ParseID(s); err == nil {
			t.Errorf("runner.ParseID(%q) = %+v, want an error", s, got)
		}
	}
}
