package tasklog_test

import (
	"fmt"
	"testing"
	"time"

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

func TestReturnedSpansComeAgain(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), 0)
	watch := s.Watch()
	defer watch.Close()
	one, two := s.Attempt("one", "first", 0, 0), s.Attempt("two", "second", 0, 0)
	defer one.Close()
	defer two.Close()
	derived := func(second int) tasklog.Entry {
		return tasklog.Entry{Pos: tasklog.DerivedPos(0, second, 0), Time: time.Unix(int64(second), 0), Stream: tasklog.System, Text: []byte("derived")}
	}
	fmt.Fprint(one.Stdout(), "a\nb\n")
	fmt.Fprint(two.Stdout(), "c\n")
	s.Tell(tasklog.Span{Execution: "one", Label: "first", Derived: []tasklog.Entry{derived(9), derived(2), derived(5)}})

	spans, _ := watch.Take()
	read := read(t, s, "one", tasklog.Query{})
	spans[0] = spans[0].Behind(read[0]).Behind(derived(5)) // a, and those up to 5
	fmt.Fprint(one.Stdout(), "d\n")
	watch.Return(spans, true)
	if got, want := watched(t, s, watch), []string{"first: b", "first: d", "second: c"}; !cmp.Equal(got, want) {
		t.Errorf("after Return() the watch has %q, want %q", got, want)
	}
	watch.Return(nil, false)
	spans, _ = watch.Take()
	if len(spans) != 0 {
		t.Errorf("Take() after all was taken = %v, want none", spans)
	}
}

func TestReturnedDerivedEntries(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), 0)
	watch := s.Watch()
	defer watch.Close()
	var all []tasklog.Entry
	for i := range 5 {
		all = append(all, tasklog.Entry{Pos: tasklog.DerivedPos(0, i, 0), Time: time.Unix(int64(9-i), 0)})
	}
	s.Tell(tasklog.Span{Execution: "x", Derived: all})
	spans, _ := watch.Take()
	watch.Return([]tasklog.Span{spans[0].Behind(all[2])}, false) // all[4], all[3] and all[2] are read
	s.Tell(tasklog.Span{Execution: "x", Derived: []tasklog.Entry{{Pos: tasklog.DerivedPos(0, 5, 0), Time: time.Unix(10, 0)}}})
	spans, missed := watch.Take()
	var times []int64
	for _, e := range spans[0].Derived {
		times = append(times, e.Time.Unix())
	}
	if diff := cmp.Diff([]int64{8, 9, 10}, times); diff != "" || missed != 0 {
		t.Errorf("derived entries after Return() (-want +got):\n%s, and %d missed", diff, missed)
	}
}

func TestWatchOfSlowReaderHoldsLittle(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), 0)
	watch := s.Watch()
	defer watch.Close()
	const executions = 1000
	for slow, most := range map[bool]int{true: 256, false: executions} {
		watch.Return(nil, slow)
		for i := range executions {
			s.Tell(tasklog.Span{Execution: fmt.Sprint("x", i), To: 1})
		}
		if spans, missed := watch.Take(); len(spans) != most || len(spans)+missed != executions {
			t.Errorf("slow %v: Take() = %d spans and %d missed, want %d spans", slow, len(spans), missed, most)
		}
	}
}
