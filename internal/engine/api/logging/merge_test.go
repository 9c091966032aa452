package logging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/tasklog"
	"github.com/runwith/runwith/internal/jobspec"
)

// logs are the logs of some executions. Many of their lines have the same time.
type logs struct {
	store   *tasklog.Store
	sources []engine.LogSource
}

// writeLogs writes logs of executions that follow each other and overlap. Each line has
// its log and number. Some executions have not ended. The tasks alternate, and their
// indexes make a block with two of the tasks seem to have the third.
func writeLogs(t *testing.T, rng *rand.Rand) *logs {
	t.Helper()
	texts := map[int64][]byte{}
	var sources []engine.LogSource
	begin := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for id := int64(1); id <= 20; id++ {
		begin = begin.Add(time.Duration(rng.IntN(5)) * time.Second)
		at, text, pace := begin, []byte(nil), []int{8, 500}[id%2]
		for n := range rng.IntN(150) {
			at = at.Add(time.Duration(rng.IntN(pace)/(pace-1)) * time.Second)
			line := fmt.Sprintf("%d/%d %s", id, n, strings.Repeat("x", rng.IntN(3000)))
			text = fmt.Appendf(text, "%d %d 0 o %d\n%s\n", at.UnixNano(), turns[n/40%3], len(line), line)
		}
		texts[id] = text
		source := engine.LogSource{ID: id, Created: begin, Ended: at}
		if rng.IntN(4) == 0 {
			source.Ended = time.Time{}
		}
		sources = append(sources, source)
	}
	l := openLogs(t, texts)
	l.sources = sources
	return l
}

// openLogs opens a store with logs by execution.
func openLogs(t *testing.T, texts map[int64][]byte) *logs {
	t.Helper()
	dir := t.TempDir()
	for id, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, logOf(id)+".log"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	store, err := tasklog.Open(dir, tasklog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return &logs{store: store}
}

// turns are the tasks of each log.
var turns = [3]int{256, 512, 0}

func logOf(id int64) string { return fmt.Sprint("x", id) }

// merge returns a merge of the logs after a place, of some tasks or all.
func (l *logs) merge(reverse bool, after place, tasks ...int) *merge {
	m := &merge{reverse: reverse, after: after, waiting: slices.Clone(l.sources)}
	slices.SortFunc(m.waiting, func(a, b engine.LogSource) int { return m.compare(m.bound(a), m.bound(b)) })
	m.open = func(_ context.Context, s engine.LogSource) (*source, error) {
		sel := &selection{query: tasklog.Query{Tasks: tasks}}
		return &source{id: s.ID, reader: l.store.Reader(logOf(s.ID), sel.from(after, reverse)), maker: newMaker(jobspec.ExecutionName{})}, nil
	}
	return m
}

// all returns every line of some tasks or all, in the required order.
func (l *logs) all(t *testing.T, reverse bool, tasks ...int) (texts []string) {
	t.Helper()
	type placed struct {
		at   place
		text string
	}
	var all []placed
	for _, s := range l.sources {
		for e, err := range l.store.Read(t.Context(), logOf(s.ID), tasklog.Query{Tasks: tasks}) {
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

// read reads at most some lines, and returns the place where to continue.
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

func TestMerge(t *testing.T) {
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

// pages reads page after page. limit limits each of them.
func (l *logs) pages(t *testing.T, reverse bool, tasks []int, limit func(*merge) int) (all []string, pages int) {
	t.Helper()
	for after, done := (place{}), false; !done; pages++ {
		var texts []string
		m := l.merge(reverse, after, tasks...)
		texts, after, done = read(t, m, limit(m))
		all = append(all, texts...)
		if pages > 10_000 {
			t.Fatalf("reverse %v: no end after %d lines", reverse, len(all))
		}
	}
	return all, pages
}

// TestMergeInPages reads pages that are full and pages that stopped early. Together
// they must have every line once.
func TestMergeInPages(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 8))
	l := writeLogs(t, rng)
	for name, limits := range map[string]func(m *merge) int{
		"full": func(*merge) int { return 1 + rng.IntN(100) },
		"late": func(m *merge) int { m.deadline = time.Now().Add(-time.Second); return 1 << 30 },
		"costly": func(m *merge) int {
			m.deadline, m.work = time.Now().Add(time.Hour), maxWork-int64(rng.IntN(300_000))
			return 1 << 30
		},
	} {
		for _, tasks := range [][]int{nil, {256}, {0, 512}} {
			for _, reverse := range []bool{false, true} {
				got, pages := l.pages(t, reverse, tasks, limits)
				if diff := cmp.Diff(l.all(t, reverse, tasks...), got); diff != "" || pages < 3 {
					t.Errorf("%s pages of tasks %v, reverse %v: the lines of %d pages differ (-want +got):\n%.1000s", name, tasks, reverse, pages, diff)
				}
			}
		}
	}
}

// TestMergeStopsAnywhere also stops pages between many lines of the same moment that do
// not match.
func TestMergeStopsAnywhere(t *testing.T) {
	t.Parallel()
	var text []byte
	for n := range 300 { // more than a block of each task
		line := fmt.Sprintf("1/%d %s", n, strings.Repeat("x", 1000))
		text = fmt.Appendf(text, "%d %d 0 o %d\n%s\n", int64(1e18), []int{256, []int{0, 512}[n%2], 256}[n/100], len(line), line)
	}
	l := openLogs(t, map[int64][]byte{1: text})
	l.sources = []engine.LogSource{{ID: 1, Created: time.Unix(1e9, 0)}}
	for _, reverse := range []bool{false, true} {
		want := l.all(t, reverse, 256)
		for budget := int64(0); budget < 500_000; budget += 20_000 {
			got, _ := l.pages(t, reverse, []int{256}, func(m *merge) int {
				m.deadline, m.work = time.Now().Add(time.Hour), maxWork-budget
				return 1 << 30
			})
			if diff := cmp.Diff(want, got); diff != "" || len(got) != 200 {
				t.Errorf("with %d bytes a page, reverse %v: lines differ (-want +got):\n%.1000s", budget, reverse, diff)
			}
		}
	}
}

func TestDeletedLogIsSkipped(t *testing.T) {
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

// TestMergeOpensLogsWhenDue: the merge must not read a log without matches to its
// end before it returns the first line of another log.
func TestMergeOpensLogsWhenDue(t *testing.T) {
	t.Parallel()
	l := writeLogs(t, rand.New(rand.NewPCG(11, 12)))
	for _, reverse := range []bool{false, true} {
		sources, day := l.sources, 1
		if reverse {
			day = -1
		}
		for i := range sources { // one a day, all lines of the first day
			sources[i].Created = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC).AddDate(0, 0, day*int(sources[i].ID))
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
