package cloudlogging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/tasklog"
)

// logs are some executions' logs that were written at the same time and one after
// the other.
type logs struct {
	store   *tasklog.Store
	sources []engine.LogSource
}

// writeLogs writes logs, some of which are open at a time, in lines that tell their
// log and their number.
func writeLogs(t *testing.T, rng *rand.Rand) *logs {
	t.Helper()
	store, err := tasklog.Open(t.TempDir(), tasklog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	l := &logs{store: store}
	type writer struct {
		*tasklog.Writer
		source engine.LogSource
		lines  int
	}
	var open []*writer
	for id := int64(1); id <= 30 || len(open) > 0; {
		if id <= 30 && (len(open) == 0 || rng.IntN(40) == 0) {
			w := &writer{Writer: store.Attempt(logOf(id), "", 0, 0), source: engine.LogSource{ID: id, Created: time.Now()}}
			open, id = append(open, w), id+1
		}
		i := rng.IntN(len(open))
		w := open[i]
		for range rng.IntN(3) {
			fmt.Fprintf(w.Stdout(), "%d/%d %s\n", w.source.ID, w.lines, strings.Repeat("x", rng.IntN(3000)))
			w.lines++
		}
		if rng.IntN(80) == 0 {
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if rng.IntN(4) > 0 { // the others go on
				w.source.Ended = time.Now()
			}
			l.sources = append(l.sources, w.source)
			open = slices.Delete(open, i, i+1)
		}
	}
	return l
}

func logOf(id int64) string { return fmt.Sprint("x", id) }

// merge begins to read the logs at a place.
func (l *logs) merge(reverse bool, after place) *merge {
	m := &merge{reverse: reverse, after: after, waiting: slices.Clone(l.sources)}
	slices.SortFunc(m.waiting, func(a, b engine.LogSource) int { return m.compare(m.bound(a), m.bound(b)) })
	m.open = func(_ context.Context, s engine.LogSource) (*source, error) {
		sel := &selection{}
		return &source{id: s.ID, reader: l.store.Reader(logOf(s.ID), sel.from(after, s.ID, reverse)), maker: newMaker(jobspec.ExecutionName{})}, nil
	}
	return m
}

// all is every line, in the order in which they must come.
func (l *logs) all(t *testing.T, reverse bool) (texts []string) {
	t.Helper()
	type placed struct {
		at   place
		text string
	}
	var all []placed
	for _, s := range l.sources {
		for e, err := range l.store.Read(t.Context(), logOf(s.ID), tasklog.Query{}) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, placed{place{e.Time.UnixNano(), s.ID, e.Pos}, textOf(e)})
		}
	}
	slices.SortFunc(all, func(a, b placed) int { return a.at.compare(b.at) })
	if reverse {
		slices.Reverse(all)
	}
	for _, p := range all {
		texts = append(texts, p.text)
	}
	return texts
}

func textOf(e tasklog.Entry) string {
	text, _, _ := strings.Cut(string(e.Text), " ")
	return text
}

// read reads on, up to some lines, and returns where to go on.
func read(t *testing.T, m *merge, limit int) (texts []string, next place, done bool) {
	t.Helper()
	for next = m.after; len(texts) < limit; {
		l, err := m.next(t.Context())
		switch {
		case errors.Is(err, io.EOF):
			return texts, next, true
		case errors.Is(err, errPause):
			return texts, m.frontier(), false
		case err != nil:
			t.Fatal(err)
		}
		texts, next = append(texts, textOf(l.Entry)), l.at
	}
	return texts, next, false
}

func TestLogsAreReadAsOne(t *testing.T) {
	t.Parallel()
	l := writeLogs(t, rand.New(rand.NewPCG(5, 6)))
	for _, reverse := range []bool{false, true} {
		want := l.all(t, reverse)
		got, _, _ := read(t, l.merge(reverse, place{}), 1<<30)
		if diff := cmp.Diff(want, got); diff != "" || len(got) < 300 {
			t.Errorf("reverse %v: %d lines differ (-want +got):\n%.1000s", reverse, len(got), diff)
		}
	}
}

// Whoever goes on where a page ended gets every line, and none twice, be it that the
// page was full or that it had to stop before its end.
func TestLogsAreReadInPages(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 8))
	l := writeLogs(t, rng)
	for _, reverse := range []bool{false, true} {
		want := l.all(t, reverse)
		for name, limits := range map[string]func(m *merge) int{
			"full":   func(*merge) int { return 1 + rng.IntN(20) },
			"paused": func(m *merge) int { m.deadline = time.Now().Add(-time.Second); return 1 << 30 },
		} {
			var got []string
			pages := 0
			for after, done := (place{}), false; !done; pages++ {
				var texts []string
				m := l.merge(reverse, after)
				texts, after, done = read(t, m, limits(m))
				got = append(got, texts...)
				if pages > 10*len(want) {
					t.Fatalf("%s pages, reverse %v: no end after %d pages and %d lines", name, reverse, pages, len(got))
				}
			}
			if diff := cmp.Diff(want, got); diff != "" || pages < 30 {
				t.Errorf("%s pages, reverse %v: the lines of %d pages differ (-want +got):\n%.1000s", name, reverse, pages, diff)
			}
		}
	}
}

func TestALogThatIsDeletedWhileItWaitsIsPassedOver(t *testing.T) {
	t.Parallel()
	l := writeLogs(t, rand.New(rand.NewPCG(9, 10)))
	m := l.merge(false, place{})
	open := m.open
	m.open = func(ctx context.Context, s engine.LogSource) (*source, error) {
		if s.ID == 3 {
			return nil, runwith.Errorf(runwith.NotFound, "execution is deleted")
		}
		return open(ctx, s)
	}
	want := slices.DeleteFunc(l.all(t, false), func(text string) bool { return strings.HasPrefix(text, "3/") })
	got, _, _ := read(t, m, 1<<30)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines differ (-want +got):\n%.1000s", diff)
	}
}

// A log in the middle of which nothing matches is not read to its end for the first
// line of another.
func TestLogsAreOpenedWhenTheyAreDue(t *testing.T) {
	t.Parallel()
	l := writeLogs(t, rand.New(rand.NewPCG(11, 12)))
	for _, reverse := range []bool{false, true} {
		sources, day := l.sources, 1
		if reverse {
			day = -1
		}
		for i := range sources { // one a day, of which the first lines are now
			sources[i].Created = time.Now().AddDate(0, 0, day*int(sources[i].ID))
			sources[i].Ended = sources[i].Created.Add(time.Hour)
		}
		m := l.merge(reverse, place{})
		opened := 0
		open := m.open
		m.open = func(ctx context.Context, s engine.LogSource) (*source, error) {
			opened++
			return open(ctx, s)
		}
		if _, err := m.next(t.Context()); err != nil || opened > 2 {
			t.Errorf("reverse %v: for the first line %d logs were opened, %v; want few of %d", reverse, opened, err, len(sources))
		}
	}
}
