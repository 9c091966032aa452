package kubernetes

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// parsed collects the lines of a parser as text.
type parsed struct{ strings.Builder }

func (p *parsed) start(at int64, stamped bool) {
	if stamped {
		fmt.Fprintf(p, "[%d]", at)
	} else {
		p.WriteString("[?]")
	}
}
func (p *parsed) text(b []byte) { p.Write(b) }
func (p *parsed) end()          { p.WriteString("$") }

func TestLineParser(t *testing.T) {
	t.Parallel()
	const at, other = "1970-01-01T00:00:00.000000007Z ", "1970-01-01T01:00:00.000000008+01:00 "
	for name, test := range map[string]struct{ in, want string }{
		"lines":             {at + "a\n" + other + "b\n", "[7]a$[8]b$"},
		"empty line":        {at + "\n" + at + "\n", "[7]$[7]$"},
		"no newline":        {at + "a", "[7]a"},
		"time as text":      {at + at + at + "\n", "[7]" + at + at + "$"},
		"no UTF-8":          {at + "\xff\xfe\n", "[7]\xff\xfe$"},
		"carriage return":   {at + "a\r\n", "[7]a\r$"},
		"rest of a line":    {"rest\n" + at + "a\n", "[?]rest$[7]a$"},
		"nothing":           {"", ""},
		"empty":             {"\n \n", "[?]$[?] $"},
		"reason":            {at + "a\nfailed to create fsnotify watcher: too many open files", "[7]a$[?]failed to create fsnotify watcher: too many open files"},
		"cut in its time":   {at + "a\n" + at[:20], "[7]a$"},
		"long without time": {strings.Repeat("x", 100) + " y\n", "[?]" + strings.Repeat("x", 100) + " y$"},
	} {
		for size := 1; size <= len(test.in)+1; size++ {
			var got parsed
			p := &lineParser{to: &got}
			for rest := []byte(test.in); len(rest) > 0; rest = rest[min(size, len(rest)):] {
				_, _ = p.Write(rest[:min(size, len(rest))]) // returns no error
			}
			if diff := cmp.Diff(test.want, got.String()); diff != "" {
				t.Errorf("%s, in pieces of %d bytes (-want +got):\n%s", name, size, diff)
			}
		}
	}
}

// FuzzLineParser checks that lines come out of the parser as they went in, however the answer is
// cut, and that nothing makes it panic.
func FuzzLineParser(f *testing.F) {
	f.Add([]byte("a\nb"), []byte("\n "), uint8(3))
	f.Fuzz(func(t *testing.T, text, raw []byte, size uint8) {
		const at = "1970-01-01T00:00:00.000000007Z "
		lines := strings.ReplaceAll(at+string(text), "\n", "\n"+at)
		want := strings.ReplaceAll("[7]"+string(text), "\n", "$[7]")
		var got parsed
		p := &lineParser{to: &got}
		for rest := []byte(lines); len(rest) > 0; rest = rest[min(int(size)+1, len(rest)):] {
			_, _ = p.Write(rest[:min(int(size)+1, len(rest))]) // returns no error
		}
		if got.String() != want {
			t.Errorf("parsed %q, want %q", got.String(), want)
		}
		_, _ = (&lineParser{to: new(parsed)}).Write(raw) // returns no error
	})
}

func TestSinceIsBeforeTheLastLine(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 29, 10, 0, 5, 7, time.UTC)
	p := position{nth: 1, last: mark{at: at.UnixNano()}, bytes: readWhole}
	if got, want := p.since(), at.Add(-interleave).Truncate(time.Second); !got.Equal(want) {
		t.Errorf("since() = %v, want %v", got, want)
	}
	for name, whole := range map[string]position{"short log": {nth: 1, last: p.last}, "no line": {bytes: readWhole}} {
		if got := whole.since(); !got.IsZero() {
			t.Errorf("since() of %s = %v, want the beginning", name, got)
		}
	}
}

// TestSameTime checks that lines are counted whose timestamps take turns, as those of two streams
// do.
func TestSameTime(t *testing.T) {
	t.Parallel()
	var s sameTime
	stdout, stderr := mark{at: 2, sum: 7}, mark{at: 1, sum: 7}
	for n, m := range []mark{stdout, stderr, stdout, stdout, stderr} {
		if got, want := s.count(m), []int{1, 1, 2, 3, 2}[n]; got != want {
			t.Errorf("line %d with the mark %v is number %d, want %d", n, m, got, want)
		}
	}
	for at := range int64(recentTimes) {
		s.count(mark{at: 10 + at})
	}
	if len(s.counts) != recentTimes {
		t.Errorf("%d marks are kept, want those of %d timestamps", len(s.counts), recentTimes)
	}
}
