package tasklog_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/engine/tasklog"
)

func TestWritten(t *testing.T) {
	t.Parallel()
	s, err := tasklog.Open(t.TempDir(), tasklog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	print := func(w *tasklog.Writer, stdout, stderr string) {
		for out, text := range map[io.Writer]string{w.Stdout(): stdout, w.Stderr(): stderr} {
			if _, err := io.WriteString(out, text); err != nil {
				t.Fatal(err)
			}
		}
	}
	other := s.Attempt("x", "label", 0, 1)
	print(other, "1\n2\n3\n", "")
	w := s.Attempt("x", "label", 0, 0)
	print(w, "a\nb\nhalf", "e\n"+strings.Repeat("x", tasklog.MaxLine+5))
	stdout, stderr, err := w.Written(t.Context(), 0)
	if want := (tasklog.Extent{Lines: 2}); err != nil || stdout != want {
		t.Errorf("Written() = %+v, %v of stdout, want %+v", stdout, err, want)
	}
	if want := (tasklog.Extent{Lines: 1, Tail: tasklog.MaxLine}); stderr != want {
		t.Errorf("Written() = %+v of stderr, want %+v", stderr, want)
	}
	for _, w := range []*tasklog.Writer{w, other} {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A Writer that leaves an attempt keeps only whole lines: the next one writes the rest.
func TestLeave(t *testing.T) {
	t.Parallel()
	s, err := tasklog.Open(t.TempDir(), tasklog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	w := s.Attempt("x", "label", 0, 0)
	if _, err := io.WriteString(w.Stdout(), "one\nhal"); err != nil {
		t.Fatal(err)
	}
	if err := w.Leave(); err != nil {
		t.Errorf("Leave() = %v, want no error", err)
	}
	next := s.Attempt("x", "label", 0, 0)
	stdout, _, err := next.Written(t.Context(), 0)
	if want := (tasklog.Extent{Lines: 1}); err != nil || stdout != want {
		t.Errorf("Written() after Leave = %+v, %v, want %+v", stdout, err, want)
	}
	if err := next.Close(); err != nil {
		t.Error(err)
	}
}

// TestWrittenByContainers also reopens the log, as after a crash.
func TestWrittenByContainers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := func() *tasklog.Store {
		s, err := tasklog.Open(dir, tasklog.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	w := open().Attempt("x", "label", 3, 0)
	for _, part := range []string{"on", "e\ntw", "o\nhalf"} {
		for i, prefix := range []string{"", "side ", "more "} {
			out, _ := w.Container(10 * i)
			if _, err := io.WriteString(out, strings.ReplaceAll(part, "\n", " "+prefix+"\n")); err != nil {
				t.Fatal(err)
			}
		}
	}
	again := open() // nothing was closed
	var lines []string
	for e, err := range again.Read(t.Context(), "x", tasklog.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprint(e.Container, string(e.Text)))
	}
	want := []string{"0one ", "10one side ", "20one more ", "0two ", "10two side ", "20two more "}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("lines differ (-want +got):\n%s", diff)
	}
	for container, want := range map[int]int{0: 2, 10: 2, 20: 2, 1: 0} {
		stdout, _, err := again.Attempt("x", "label", 3, 0).Written(t.Context(), container)
		if err != nil || stdout != (tasklog.Extent{Lines: want}) {
			t.Errorf("Written(%d) = %+v, %v, want %d lines", container, stdout, err, want)
		}
	}
}
