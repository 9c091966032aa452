package tasklog_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/engine/tasklog"
)

// watched waits for new output and reads it.
func watched(t *testing.T, s *tasklog.Store, w *tasklog.Watch) (lines []string) {
	t.Helper()
	<-w.Ready()
	spans, missed := w.Take()
	if missed != 0 {
		t.Errorf("Take() missed %d spans, want none", missed)
	}
	for _, span := range spans {
		for _, e := range read(t, s, span.Execution, tasklog.Query{After: span.From, Before: span.To + 1}) {
			lines = append(lines, span.Label+": "+string(e.Text))
		}
	}
	return lines
}

func TestWatchReportsEachLineOnce(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), 0)
	print(t, s, "old", 0, "before\n")
	watch := s.Watch()
	one, two := s.Attempt("old", "the old one", 0, 1), s.Attempt("new", "the new one", 0, 0)
	defer one.Close()
	defer two.Close()

	fmt.Fprint(one.Stdout(), "half a ")
	if len(watch.Ready()) != 0 {
		t.Error("half a line was told of")
	}
	fmt.Fprintln(one.Stdout(), "line")
	fmt.Fprintln(two.Stdout(), "first")
	fmt.Fprintln(one.Stderr(), "another")
	want := []string{"the old one: half a line", "the old one: another", "the new one: first"}
	if diff := cmp.Diff(want, watched(t, s, watch)); diff != "" {
		t.Errorf("watched differs (-want +got):\n%s", diff)
	}
	fmt.Fprintln(two.Stdout(), "second")
	if diff := cmp.Diff([]string{"the new one: second"}, watched(t, s, watch)); diff != "" {
		t.Errorf("watched the second time differs (-want +got):\n%s", diff)
	}
	watch.Close()
	fmt.Fprintln(two.Stdout(), "third")
	if spans, _ := watch.Take(); len(spans) != 0 {
		t.Errorf("after Close() Take() = %v, want none", spans)
	}
}

func TestUnreadWatchDropsSpans(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), 0)
	watch := s.Watch()
	defer watch.Close()
	const executions = 5000
	for i := range executions {
		s.Tell(tasklog.Span{Execution: fmt.Sprint("x", i), To: 1})
	}
	spans, missed := watch.Take()
	if len(spans)+missed != executions || len(spans) > 4096 || spans[len(spans)-1].Execution != fmt.Sprint("x", executions-1) {
		t.Errorf("Take() = %d spans and %d missed, want 4096 at most and %d together, the newest among them", len(spans), missed, executions)
	}
}
