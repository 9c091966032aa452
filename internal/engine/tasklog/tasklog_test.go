package tasklog_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/engine/tasklog"
)

func open(t *testing.T, dir string, max int64) *tasklog.Store {
	t.Helper()
	s, err := tasklog.Open(dir, tasklog.Options{MaxBytes: max})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// print writes text as one attempt's standard output.
func print(t *testing.T, s *tasklog.Store, execution string, task int, text string) {
	t.Helper()
	w := s.Attempt(execution, "", task, 0)
	if _, err := w.Stdout().Write([]byte(text)); err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func read(t *testing.T, s *tasklog.Store, execution string, q tasklog.Query) (entries []tasklog.Entry) {
	t.Helper()
	for e, err := range s.Read(t.Context(), execution, q) {
		if err != nil {
			t.Fatalf("Read(%q, %+v) = %v", execution, q, err)
		}
		entries = append(entries, e)
	}
	return entries
}

func texts(entries []tasklog.Entry) (all []string) {
	for _, e := range entries {
		all = append(all, string(e.Text))
	}
	return all
}

func TestLinesKeepTaskStreamAndBytes(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), 0)
	w := s.Attempt("x", "", 3, 1)
	for _, part := range []string{"he", "llo\n\nnot UTF-8: \xff\x00\r\nno new", "line"} {
		if _, err := w.Stdout().Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Stderr().Write([]byte("warned\n")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range read(t, s, "x", tasklog.Query{}) {
		got = append(got, fmt.Sprintf("%d/%d %s %q", e.Task, e.Attempt, e.Stream, e.Text))
	}
	want := []string{`3/1 stdout "hello"`, `3/1 stdout ""`, `3/1 stdout "not UTF-8: \xff\x00\r"`, `3/1 stderr "warned"`, `3/1 stdout "no newline"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries differ (-want +got):\n%s", diff)
	}
}

func TestReopen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, 0)
	print(t, s, "x", 0, "one\n")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, 0)
	print(t, s, "x", 0, "two\n")
	entries := read(t, s, "x", tasklog.Query{})
	if diff := cmp.Diff([]string{"one", "two"}, texts(entries)); diff != "" {
		t.Errorf("entries differ (-want +got):\n%s", diff)
	}
	after := read(t, s, "x", tasklog.Query{After: entries[0].Pos})
	if diff := cmp.Diff([]string{"two"}, texts(after)); diff != "" {
		t.Errorf("entries after the first differ (-want +got):\n%s", diff)
	}
	since := read(t, s, "x", tasklog.Query{Since: entries[1].Time})
	if diff := cmp.Diff([]string{"two"}, texts(since)); diff != "" {
		t.Errorf("entries since the second's time differ (-want +got):\n%s", diff)
	}
	info, err := os.Stat(filepath.Join(dir, "x.log"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the file = %v, %v, want 0600", info.Mode(), err)
	}
}

func TestPartialRecordAfterACrash(t *testing.T) {
	t.Parallel()
	for _, torn := range []string{"17", "1795457526000000000 0 0 o 5\n", "1795457526000000000 0 0 o 5\nhel", "1795457526000000000 0 0 o 5\nhello", "\x00\x00\x00"} {
		dir := t.TempDir()
		s := open(t, dir, 0)
		print(t, s, "x", 0, "whole\n")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(filepath.Join(dir, "x.log"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(torn); err != nil {
			t.Fatal(err)
		}
		f.Close()

		s = open(t, dir, 0)
		if got := texts(read(t, s, "x", tasklog.Query{})); !slices.Equal(got, []string{"whole"}) {
			t.Errorf("torn %q: entries = %q, want the whole one", torn, got)
		}
		print(t, s, "x", 0, "next\n")
		if got := texts(read(t, s, "x", tasklog.Query{})); !slices.Equal(got, []string{"whole", "next"}) {
			t.Errorf("torn %q: entries after writing on = %q, want whole and next", torn, got)
		}
	}
}

func TestLongLinesAreSplit(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), 0)
	long := strings.Repeat("0123456789", 60_000) // 600 kB
	print(t, s, "x", 0, long+"\nshort\n")
	entries := read(t, s, "x", tasklog.Query{})
	if len(entries) != 4 {
		t.Fatalf("a line of 600 kB and the next line became %d entries, want 4", len(entries))
	}
	var joined []byte
	var continued []bool
	for _, e := range entries[:3] {
		joined, continued = append(joined, e.Text...), append(continued, e.Continued)
	}
	if !bytes.Equal(joined, []byte(long)) {
		t.Errorf("the entries join to %d bytes, want the line of %d", len(joined), len(long))
	}
	if want := []bool{true, true, false}; !slices.Equal(continued, want) {
		t.Errorf("continued = %v, want %v", continued, want)
	}
}

func TestOutputBeyondTheLimit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, 1000)
	for i := range 100 {
		print(t, s, "x", i, "about thirty bytes of output..\n")
	}
	got := texts(read(t, s, "x", tasklog.Query{}))
	last := got[len(got)-1]
	if len(got) > 20 || !strings.Contains(last, "1000 bytes") || strings.Contains(got[len(got)-2], "1000 bytes") {
		t.Errorf("kept %d entries, the last %q; want few and one that names the limit", len(got), last)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, 1000)
	print(t, s, "x", 0, "more\n")
	if again := texts(read(t, s, "x", tasklog.Query{})); len(again) != len(got) {
		t.Errorf("entries after reopening = %d, want %d: the limit was reached before", len(again), len(got))
	}
}

// TestLimitWithinAWrite checks that the lines of one large write that fit are kept.
func TestLimitWithinAWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, 1000)
	print(t, s, "x", 0, strings.Repeat("about thirty bytes of output..\n", 100))
	got := texts(read(t, s, "x", tasklog.Query{}))
	if len(got) < 15 || len(got) > 20 || !strings.Contains(got[len(got)-1], "1000 bytes") {
		t.Errorf("kept %d entries: %q; want what has room in 1000 bytes, and one that names them", len(got), got)
	}
}

func TestConcurrentWritersKeepLinesWhole(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), 0)
	var wg sync.WaitGroup
	for x := range 100 { // more executions than files that stay open
		for task := range 4 {
			wg.Go(func() {
				w := s.Attempt(fmt.Sprint("x", x), "", task, 0)
				defer w.Close()
				for i := range 20 {
					fmt.Fprintf(w.Stdout(), "task %d", task)
					fmt.Fprintf(w.Stdout(), " line %d\n", i)
				}
			})
		}
	}
	wg.Wait()
	for x := range 100 {
		next, last := map[int]int{}, time.Time{}
		for _, e := range read(t, s, fmt.Sprint("x", x), tasklog.Query{}) {
			if want := fmt.Sprintf("task %d line %d", e.Task, next[e.Task]); string(e.Text) != want {
				t.Fatalf("x%d: entry = %q, want %q", x, e.Text, want)
			}
			next[e.Task]++
			if e.Time.Before(last) {
				t.Fatalf("x%d: time %v after %v", x, e.Time, last)
			}
			last = e.Time
		}
		if next[0]+next[1]+next[2]+next[3] != 80 {
			t.Fatalf("x%d: lines by task = %v, want 20 each", x, next)
		}
	}
	if open := openFiles(t); open > 100 {
		t.Errorf("%d files are open, want few", open)
	}
}

// openFiles counts this process's open log files.
func openFiles(t *testing.T) (n int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Logf("open files are not counted: %v", err)
		return 0
	}
	for _, fd := range fds {
		if target, _ := os.Readlink("/proc/self/fd/" + fd.Name()); strings.HasSuffix(target, ".log") {
			n++
		}
	}
	return n
}

func TestDeleteDropsLaterOutput(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, 0)
	w := s.Attempt("x", "", 0, 0)
	print(t, s, "x", 0, strings.Repeat("a line\n", 20_000)) // enough for an index
	if files, _ := os.ReadDir(dir); len(files) != 2 {
		t.Errorf("files before Delete() = %v, want the log and its index", files)
	}
	for range 2 { // twice, because it is idempotent
		if err := s.Delete("x"); err != nil {
			t.Errorf("Delete() = %v", err)
		}
	}
	fmt.Fprintln(w.Stdout(), "two")
	if err := w.Close(); err != nil {
		t.Errorf("Close() after Delete() = %v", err)
	}
	if got := read(t, s, "x", tasklog.Query{}); len(got) != 0 {
		t.Errorf("entries after Delete() = %q, want none", texts(got))
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("files after Delete() = %v, want none", files)
	}
}

// TestLeaveWhileTheAttemptPrints checks that the log has the lines that were whole before Leave, and
// no others.
func TestLeaveWhileTheAttemptPrints(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), 0)
	w := s.Attempt("x", "", 0, 0)
	out := w.Stdout()
	if _, err := io.WriteString(out, "whole\nhal"); err != nil {
		t.Fatal(err)
	}
	var printing sync.WaitGroup
	printing.Go(func() {
		for range 1000 {
			_, _ = io.WriteString(out, "f") // it does not complete the line
		}
	})
	if err := w.Leave(); err != nil {
		t.Error(err)
	}
	printing.Wait()
	if _, err := io.WriteString(out, "\nlater\n"); err != nil {
		t.Errorf("Write() after Leave() = %v, want no error", err)
	}
	if got := texts(read(t, s, "x", tasklog.Query{})); !slices.Equal(got, []string{"whole"}) {
		t.Errorf("lines = %q, want those that were whole before Leave()", got)
	}
}

func TestSilentAttemptMakesNoFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	print(t, open(t, dir, 0), "x", 0, "")
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("files = %v, want none", files)
	}
}

func TestUnsafeNamesAreRefused(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), 0)
	for _, name := range []string{"", "..", "../x", "a/b", ".hidden", "a\x00b"} {
		w := s.Attempt(name, "", 0, 0)
		if _, err := w.Stdout().Write([]byte("line\n")); err == nil {
			t.Errorf("writing to %q succeeded", name)
		}
		_ = w.Close()
		for _, err := range s.Read(t.Context(), name, tasklog.Query{}) {
			if err == nil {
				t.Errorf("Read(%q) yields an entry", name)
			}
		}
	}
}
