package logging

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/runwith/runwith/internal/engine/tasklog"
)

// TestTailKeepsItsLines checks that the output of executions that a tail does not follow, however
// large, leaves its own lines alone, and that its own beginning is dropped beyond the bound.
func TestTailKeepsItsLines(t *testing.T) {
	t.Parallel()
	const most, executions = maxBehind + maxCounted, "/locations/us-east4/jobs/"
	span := func(project, job string, from, to int64) tasklog.Span {
		return tasklog.Span{Label: "projects/" + project + executions + job + "/executions/" + job + "-abcde", From: from, To: to}
	}
	for name, test := range map[string]struct {
		spans, left        []tasklog.Span
		behind, suppressed int64
	}{
		"another job":     {[]tasklog.Span{span("demo", "b", 0, 2*most), span("demo", "a", 0, 1000)}, []tasklog.Span{span("demo", "a", 0, 1000)}, 1000, 0},
		"another project": {[]tasklog.Span{span("other", "a", 0, 2*most), span("demo", "a", 5, 1000)}, []tasklog.Span{span("demo", "a", 5, 1000)}, 995, 0},
		"too much":        {[]tasklog.Span{span("demo", "a", 0, most+7)}, []tasklog.Span{span("demo", "a", 7, most+7)}, most, 1},
		"nothing":         {nil, nil, 0, 0},
	} {
		s, err := newSelection(t.Context(), []string{"demo"}, `resource.labels.job_name="a"`)
		if err != nil {
			t.Fatal(err)
		}
		tail := &tail{selection: s}
		names, behind := tail.keep(test.spans)
		if diff := cmp.Diff(test.left, tail.left, cmpopts.IgnoreUnexported(tasklog.Span{})); diff != "" {
			t.Errorf("%s: spans (-want +got):\n%s", name, diff)
		}
		if len(names) != len(test.left) || behind != test.behind || int64(tail.suppressed) != test.suppressed {
			t.Errorf("%s: %d executions, %d bytes, %d suppressed, want %d, %d and %d", name, len(names), behind, tail.suppressed, len(test.left), test.behind, test.suppressed)
		}
	}
}
