package tasklog_test

import (
	"io"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/tasklog"
)

// What an attempt has is counted by stream, and apart from what others have.
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
	stdout, stderr, err := w.Written(t.Context())
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
