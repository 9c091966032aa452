package container

import (
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/engine/runner"
)

// TestRereading checks that rereading a record writes only the part after the cursor, for each
// position of the cursor and each split of the record.
func TestRereading(t *testing.T) {
	t.Parallel()
	const record = "one\n\nthree is longer\nfour\nlast"
	for known := range len(record) + 1 {
		for cut := range len(record) + 1 {
			var out strings.Builder
			c := cursor{out: &out}
			_, _ = c.Write([]byte(record[:known]))
			again := reread(&c)
			_, _ = again.Write([]byte(record[:cut]))
			_, _ = again.Write([]byte(record[cut:]))
			if got := out.String(); !strings.HasPrefix(record, got) {
				t.Fatalf("from %d on, cut at %d: wrote %q, want a part of %q", known, cut, got, record)
			}
			again.finish()
			if got := out.String(); got != record {
				t.Fatalf("from %d on, cut at %d: wrote %q, want %q", known, cut, got, record)
			}
		}
	}
}

// TestRereadingHoldsBack checks that a possibly incomplete last line is held back.
func TestRereadingHoldsBack(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	c := cursor{out: &out}
	for _, step := range []struct{ record, want string }{
		{"", ""},
		{"one\ntw\n", "one\n"}, // Podman adds a newline to a half-written line
		{"one\ntwo\nthr", "one\n"},
		{"one\ntwo\nthree\nfour\n", "one\ntwo\nthree\n"},
		{"one\ntwo\nthree\nfour\n" + strings.Repeat("x", maxHeld+10), "one\ntwo\nthree\nfour\n" + strings.Repeat("x", 10)},
	} {
		_, _ = reread(&c).Write([]byte(step.record))
		if got := out.String(); got != step.want {
			t.Errorf("after %.40q wrote %.60q, want %.60q", step.record, got, step.want)
		}
	}
}

func TestCursor(t *testing.T) {
	t.Parallel()
	c := cursor{}
	for _, part := range []string{"a", "b\n", "", "\n\nc", "d"} {
		_, _ = c.Write([]byte(part))
	}
	if want := (runner.Extent{Lines: 3, Tail: 2}); c.at != want {
		t.Errorf("cursor is at %+v, want %+v", c.at, want)
	}
}
