package tasklog_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/engine/tasklog"
)

// derive returns entries of attempts without output, some between the others, some at
// the moment of another, and some before or after all.
func derive(rng *rand.Rand, all []tasklog.Entry) (entries []tasklog.Entry) {
	for attempt := 1; attempt <= 100; attempt++ {
		e := pick(rng, all)
		switch rng.IntN(4) {
		case 0:
			e.Time = e.Time.Add(time.Duration(rng.IntN(1000)))
		case 1:
			e.Time = e.Time.Add(time.Duration(rng.IntN(3)-1) * time.Hour)
		}
		for i := range 1 + rng.IntN(2) {
			entries = append(entries, tasklog.Entry{
				Pos: tasklog.DerivedPos(e.Task, attempt, i), Time: e.Time, Task: e.Task, Attempt: attempt,
				Stream: tasklog.System, Level: tasklog.Info, Text: fmt.Appendf(nil, "%d, line %d", attempt, i),
			})
		}
	}
	return entries
}

func byTime(a, b tasklog.Entry) int {
	if c := a.Time.Compare(b.Time); c != 0 {
		return c
	}
	return int(a.Pos - b.Pos)
}

func TestDerivedEntriesAreMerged(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	s := open(t, t.TempDir(), 0)
	stored := fill(t, s, rng)
	derived := derive(rng, stored)
	all := slices.SortedFunc(slices.Values(slices.Concat(stored, derived)), byTime)
	for range 50 {
		q := randomQuery(rng, all)
		q.After, q.Before = 0, 0
		var got []tasklog.Entry
		for e, err := range s.Reader("x", q).With(derived).All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e)
		}
		if want := meant(all, q); !slices.EqualFunc(want, got, sameEntry) {
			t.Errorf("query %+v found %d entries, want %d, in order", q, len(got), len(want))
		}
	}
}

func TestDerivedEntriesNeedNoLog(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), 0)
	derived := []tasklog.Entry{{Time: time.Unix(1, 0), Stream: tasklog.System, Text: []byte("A line.")}}
	var got []string
	for e, err := range s.Reader("x", tasklog.Query{}).With(derived).All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(e.Text))
	}
	if diff := cmp.Diff([]string{"A line."}, got); diff != "" {
		t.Errorf("entries differ (-want +got):\n%s", diff)
	}
}

// Older versions stored the platform's lines.
func TestDerivedEntriesReplaceStoredOnes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, 0)
	const log = "1000000 0 0 o 5\nhello\n" + "1001000 0 0 sW 6\nstored\n" + "1003000 0 1 o 5\nagain\n" + "1004000 0 1 sI 9\nstored, 1\n"
	if err := os.WriteFile(filepath.Join(dir, "x.log"), []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := texts(read(t, s, "x", tasklog.Query{})), []string{"hello", "stored", "again", "stored, 1"}; !slices.Equal(got, want) {
		t.Errorf("without derived entries = %q, want %q", got, want)
	}
	derived := []tasklog.Entry{{Pos: tasklog.DerivedPos(0, 0, 0), Time: time.Unix(0, 1002_000), Stream: tasklog.System, Text: []byte("derived")}}
	for name, test := range map[string]struct {
		query tasklog.Query
		want  []string
	}{
		"all":                     {tasklog.Query{}, []string{"hello", "derived", "again", "stored, 1"}},
		"in reverse":              {tasklog.Query{Reverse: true}, []string{"stored, 1", "again", "derived", "hello"}},
		"of the platform":         {tasklog.Query{Streams: []tasklog.Stream{tasklog.System}}, []string{"derived", "stored, 1"}},
		"until before the end":    {tasklog.Query{Until: time.Unix(0, 1001_000)}, []string{"hello"}},
		"since the end":           {tasklog.Query{Since: time.Unix(0, 1002_000)}, []string{"derived", "again", "stored, 1"}},
		"of what the tasks print": {tasklog.Query{Streams: []tasklog.Stream{tasklog.Stdout}}, []string{"hello", "again"}},
	} {
		var got []string
		for e, err := range s.Reader("x", test.query).With(derived).All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(e.Text))
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: entries differ (-want +got):\n%s", name, diff)
		}
	}
}

func TestWatchCarriesDerivedEntries(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), 0)
	watch := s.Watch()
	defer watch.Close()
	w := s.Attempt("x", "the label", 0, 0)
	defer w.Close()
	line := func(text string) []tasklog.Entry { return []tasklog.Entry{{Text: []byte(text)}} }
	s.Tell(tasklog.Span{Execution: "x", Label: "the label", Derived: line("one")})
	fmt.Fprintln(w.Stdout(), "printed")
	s.Tell(tasklog.Span{Execution: "x", Label: "the label", Derived: line("two")})
	spans, missed := watch.Take()
	want := []tasklog.Span{{Execution: "x", Label: "the label", To: read(t, s, "x", tasklog.Query{})[0].Pos, Derived: slices.Concat(line("one"), line("two"))}}
	if diff := cmp.Diff(want, spans); diff != "" || missed != 0 {
		t.Errorf("Take() missed %d and differs (-want +got):\n%s", missed, diff)
	}
	// A span without stored entries does not select earlier ones.
	s.Tell(tasklog.Span{Execution: "x", Derived: line("three")})
	spans, _ = watch.Take()
	if got := read(t, s, "x", tasklog.Query{After: spans[0].From, Before: spans[0].To + 1}); len(got) != 0 {
		t.Errorf("the stored entries of a span without any = %q, want none", texts(got))
	}
}

func TestUnreadWatchDropsDerivedEntries(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), 0)
	watch := s.Watch()
	defer watch.Close()
	const told = 20_000
	for i := range told {
		s.Tell(tasklog.Span{Execution: fmt.Sprint("x", i%3), Derived: []tasklog.Entry{{Attempt: i}}})
	}
	spans, missed := watch.Take()
	kept := 0
	for _, span := range spans {
		kept += len(span.Derived)
	}
	if kept+missed != told || kept > 16<<10 || kept == 0 {
		t.Errorf("Take() = %d entries and %d missed, want 16384 at most and %d together", kept, missed, told)
	}
	s.Tell(tasklog.Span{Execution: "x", Derived: []tasklog.Entry{{Attempt: 1}}})
	if spans, missed := watch.Take(); len(spans) != 1 || len(spans[0].Derived) != 1 || missed != 0 {
		t.Errorf("the next Take() = %v and %d missed, want the one entry that is new", spans, missed)
	}
}
