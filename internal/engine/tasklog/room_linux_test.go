package tasklog_test

import (
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/engine/tasklog"
	"github.com/runwith/runwith/internal/testneed"
)

// An attempt that has lost output keeps its beginning and a notice, also when it is adopted
// and the disk has room again. Other attempts keep all of their output then.
func TestLossIsTheRestOfAnAttempt(t *testing.T) {
	t.Parallel()
	dir, fill, empty := testneed.SmallDisk(t)
	s := open(t, dir, 0)
	write := func(w *tasklog.Writer, text string) {
		t.Helper()
		if _, err := w.Stdout().Write([]byte(text)); err != nil {
			t.Errorf("Write(%q) = %v, want no error: a task must not notice", text, err)
		}
	}
	w := s.Attempt("x", "", 1, 0)
	write(w, "kept\n")
	fill()
	for range 1000 { // the file system may have some room in the file's last block
		write(w, strings.Repeat("lost", 100)+"\n")
	}
	empty()
	write(w, "lost too\n")
	if err := w.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
	adopted := s.Attempt("x", "", 1, 0)
	if _, _, err := adopted.Written(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	write(adopted, "lost as well\n")
	if err := adopted.Close(); err != nil {
		t.Error(err)
	}
	print(t, s, "x", 2, "another task\n")
	got := strings.Join(texts(read(t, s, "x", tasklog.Query{})), "\n")
	if got = strings.ReplaceAll(got, strings.Repeat("lost", 100)+"\n", ""); !strings.HasPrefix(got, "kept\nrunwith did not keep the rest of this attempt's output") ||
		!strings.HasSuffix(got, "\nanother task") || strings.Count(got, "\n") != 2 {
		t.Errorf("log = %q, want the beginning, one notice, and the other task's line", got)
	}
}
