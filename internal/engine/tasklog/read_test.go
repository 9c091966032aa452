package tasklog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/runwith/runwith/internal/engine/tasklog"
)

// fill writes about 2 MiB of short and long lines and returns all entries. The tasks
// change over time, so that blocks have different ones.
func fill(t *testing.T, s *tasklog.Store, rng *rand.Rand) []tasklog.Entry {
	t.Helper()
	writers := map[int]*tasklog.Writer{}
	for size := 0; size < 2<<20; {
		task := size/(256<<10)*300 + rng.IntN(5)
		w := writers[task]
		if w == nil {
			w = s.Attempt("x", "", task, 0)
			writers[task] = w
			defer w.Close()
		}
		text := strings.Repeat("x", rng.IntN(200))
		if rng.IntN(500) == 0 {
			text = strings.Repeat("y", rng.IntN(100_000))
		}
		out := w.Stdout()
		if rng.IntN(4) == 0 {
			out = w.Stderr()
		}
		fmt.Fprintln(out, text)
		size += len(text) + 30
	}
	return read(t, s, "x", tasklog.Query{})
}

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

// randomQuery returns a query that selects some of the entries.
func randomQuery(rng *rand.Rand, all []tasklog.Entry) (q tasklog.Query) {
	if rng.IntN(2) == 0 {
		q.After = pick(rng, all).Pos - int64(rng.IntN(2))
	}
	if rng.IntN(2) == 0 {
		q.Before = pick(rng, all).Pos + int64(rng.IntN(2))
	}
	if rng.IntN(2) == 0 {
		q.Since = pick(rng, all).Time
	}
	if rng.IntN(2) == 0 {
		q.Until = pick(rng, all).Time
	}
	for range rng.IntN(3) {
		q.Tasks = append(q.Tasks, pick(rng, all).Task)
	}
	if rng.IntN(3) == 0 {
		q.Streams = []tasklog.Stream{pick(rng, []tasklog.Stream{tasklog.Stdout, tasklog.Stderr, tasklog.System})}
	}
	q.Reverse = rng.IntN(2) == 0
	return q
}

// meant returns the entries that a query must select.
func meant(all []tasklog.Entry, q tasklog.Query) (want []tasklog.Entry) {
	for _, e := range all {
		if e.Pos > q.After && (q.Before == 0 || e.Pos < q.Before) &&
			!e.Time.Before(q.Since) && (q.Until.IsZero() || !e.Time.After(q.Until)) &&
			(len(q.Tasks) == 0 || slices.Contains(q.Tasks, e.Task)) &&
			(len(q.Streams) == 0 || slices.Contains(q.Streams, e.Stream)) {
			want = append(want, e)
		}
	}
	if q.Reverse {
		slices.Reverse(want)
	}
	return want
}

func sameEntry(a, b tasklog.Entry) bool {
	sameText := bytes.Equal(a.Text, b.Text)
	a.Text, b.Text = nil, nil
	return sameText && reflect.DeepEqual(a, b)
}

func TestQueries(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	s := open(t, dir, 0)
	all := fill(t, s, rng)
	check := func(s *tasklog.Store, what string) {
		for range 20 {
			q := randomQuery(rng, all)
			if want, got := meant(all, q), read(t, s, "x", q); !slices.EqualFunc(want, got, sameEntry) {
				t.Errorf("%s: Read(%+v) = %d entries, want %d", what, q, len(got), len(want))
			}
		}
	}
	check(s, "while it is written")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	index := filepath.Join(dir, "x.idx")
	stored, err := os.ReadFile(index)
	if err != nil || len(stored) < 16*64 {
		t.Fatalf("the stored index = %d bytes, %v, want that of many blocks", len(stored), err)
	}
	check(open(t, dir, 0), "from its index")
	for what, broken := range map[string][]byte{
		"without an index":                   nil,
		"with half an index":                 stored[:len(stored)/2+7],
		"with a broken index":                slices.Concat(stored[:64], []byte("!"), stored[65:]),
		"with the index of a longer log":     slices.Concat(stored, stored),
		"with an index that is none at all":  []byte(strings.Repeat("index", 100)),
		"with an index of nothing but zeros": make([]byte, 6400),
	} {
		if err := os.WriteFile(index, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		check(open(t, dir, 0), what)
	}
}

// After a power failure, the index may describe more than is left of the log.
func TestTruncatedLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, 0)
	print(t, s, "x", 0, strings.Repeat("a line\n", 20_000))
	all := read(t, s, "x", tasklog.Query{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	kept := all[:len(all)/3]
	if err := os.Truncate(filepath.Join(dir, "x.log"), kept[len(kept)-1].Pos+5); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, 0)
	if got := read(t, s, "x", tasklog.Query{}); !slices.EqualFunc(kept, got, sameEntry) {
		t.Errorf("%d entries are left, want %d", len(got), len(kept))
	}
	print(t, s, "x", 1, "another line\n")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, open(t, dir, 0), "x", tasklog.Query{Tasks: []int{1}}); len(got) != 1 {
		t.Errorf("%d entries were written on, want 1", len(got))
	}
	if info, err := os.Stat(filepath.Join(dir, "x.idx")); err != nil || info.Size() > 4*64 {
		t.Errorf("the index = %v, %v, want no more than what is left", info, err)
	}
}

// sizeOf reads to the end and returns the number of bytes read.
func sizeOf(t *testing.T, s *tasklog.Store, q tasklog.Query) (size int64) {
	t.Helper()
	for r := s.Reader("x", q); ; {
		batch, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return size
		}
		if err != nil {
			t.Fatalf("Next() = %v", err)
		}
		size += batch.Size
	}
}

func TestReadingAPartSkipsTheRest(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), 0)
	for task := range 40 {
		print(t, s, "x", task, strings.Repeat("some sixty bytes of output, which are nothing but a line..\n", 2_000))
	}
	all := read(t, s, "x", tasklog.Query{})
	whole := sizeOf(t, s, tasklog.Query{})
	for what, q := range map[string]tasklog.Query{
		"one task":                {Tasks: []int{17}},
		"a stream without lines":  {Streams: []tasklog.Stream{tasklog.Stderr}},
		"the last entries":        {Reverse: true, After: all[len(all)-10].Pos},
		"the last moment":         {Since: all[len(all)-10].Time},
		"before the first moment": {Until: all[0].Time.Add(-time.Hour)},
		"what comes after all":    {After: all[len(all)-1].Pos},
	} {
		if size := sizeOf(t, s, q); size > whole/10 {
			t.Errorf("%s: reading %d entries took %d bytes of %d", what, len(read(t, s, "x", q)), size, whole)
		}
	}
}

func TestReachedNeverGoesBack(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), 0)
	fill(t, s, rand.New(rand.NewPCG(3, 4)))
	for _, reverse := range []bool{false, true} {
		var reached time.Time
		for r := s.Reader("x", tasklog.Query{Reverse: reverse}); ; {
			batch, err := r.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range batch.Entries {
				if !reached.IsZero() && (e.Time.Before(reached) != reverse && !e.Time.Equal(reached)) {
					t.Fatalf("reverse %v: an entry of %v after %v was reached", reverse, e.Time, reached)
				}
			}
			reached = batch.Reached
		}
	}
}

func TestReaderEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), 0)
	print(t, s, "x", 0, "line\n")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Reader("x", tasklog.Query{}).Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Next() = %v, want context.Canceled", err)
	}
}

func TestDamagedLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, 0)
	print(t, s, "x", 0, strings.Repeat("a line\n", 20_000))
	file, err := os.OpenFile(filepath.Join(dir, "x.log"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt(make([]byte, 100), 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reader("x", tasklog.Query{}).Next(t.Context()); err == nil {
		t.Error("Next() of a damaged log = nil, want an error that names the place")
	}
}
