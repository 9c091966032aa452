package kubernetes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// entry is one entry of a node's log: a line, or a part of one.
type entry struct {
	at     time.Time
	text   string // with its newline, unless it is partial
	stderr bool
}

// node is a node with one container's log, as a kubelet serves it. Its container writes
// when a reading is under way.
type node struct {
	t       *testing.T
	mu      sync.Mutex // two streams may be read at the same time
	rand    *rand.Rand
	script  []entry // the whole output
	written int     // entries that the container has written
	oldest  int     // entry with which the log begins, after rotations
	ended   chan struct{}
	keeps   bool           // nothing is rotated
	merges  bool           // does not show the streams apart
	refuses map[string]int // how often an API server refuses a stream that others show
}

// OpenLog serves the log, and cuts the answer anywhere.
func (n *node) OpenLog(_ context.Context, _ string, o kube.LogOptions) (io.ReadCloser, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.rand.IntN(8) == 0 {
		return nil, []error{errors.New("connection refused"), &kube.StatusError{Code: 503}, &kube.StatusError{Code: 429, RetryAfter: time.Second}}[n.rand.IntN(3)]
	}
	if !n.keeps && n.rand.IntN(4) == 0 && n.written > n.oldest {
		n.rotate()
	}
	if n.merges && o.Stream != "" {
		return nil, &kube.StatusError{Code: 400, Message: `unable to return the given log stream: "Stdout"`}
	}
	if n.refuses[o.Stream] > 0 {
		n.refuses[o.Stream]--
		return nil, &kube.StatusError{Code: http.StatusUnprocessableEntity}
	}
	n.write()
	answer := n.answer(o.Since, o.Stream)
	if n.rand.IntN(2) == 0 {
		return cut{bytes.NewReader(answer[:n.rand.IntN(len(answer)+1)])}, nil
	}
	return io.NopCloser(bytes.NewReader(answer)), nil
}

// write lets the container write some entries.
func (n *node) write() {
	n.written += n.rand.IntN(len(n.script)/4 + 2)
	if n.written >= len(n.script) {
		n.written = len(n.script)
		if !runner.IsClosed(n.ended) {
			close(n.ended)
		}
	}
}

// rotate removes the older part of the log, which ends in any entry. A log's first moment is
// much shorter than what a log holds.
func (n *node) rotate() {
	if n.written == len(n.script) {
		return // the logs of ended containers are left
	}
	oldest := n.oldest + n.rand.IntN(n.written-n.oldest+1)
	if !n.script[oldest].at.Equal(n.script[0].at) {
		n.oldest = oldest
	}
}

// answer formats the log as the kubelet does.
func (n *node) answer(since time.Time, stream string) []byte {
	var b bytes.Buffer
	newLine := true // of both streams, because the kubelet does not tell them apart
	for _, e := range n.script[n.oldest:n.written] {
		if !e.at.Before(since) && e.isOf(stream) {
			if newLine {
				fmt.Fprintf(&b, "%s ", e.at.Format("2006-01-02T15:04:05.000000000Z07:00"))
			}
			b.WriteString(e.text)
		}
		newLine = strings.HasSuffix(e.text, "\n")
	}
	return b.Bytes()
}

// isOf reports whether an entry is of a stream; an empty one is both.
func (e entry) isOf(stream string) bool { return stream == "" || e.stderr == (stream == kube.Stderr) }

// streamOf returns the entries of a stream.
func streamOf(script []entry, stream string) (entries []entry) {
	for _, e := range script {
		if e.isOf(stream) {
			entries = append(entries, e)
		}
	}
	return entries
}

// cut ends like a connection that breaks.
type cut struct{ io.Reader }

func (c cut) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (cut) Close() error { return nil }

// output makes a random log. Each line is different if unique.
func randomScript(r *rand.Rand, lines int, unique bool) (script []entry) {
	at := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	for i := range lines {
		switch r.IntN(4) {
		case 0: // the same time
		case 1:
			at = at.Add(time.Duration(r.IntN(1000)))
		case 2:
			at = at.Add(time.Duration(r.IntN(int(time.Second))))
		case 3:
			at = at.Add(-time.Duration(r.IntN(1000))) // the other stream is faster
		}
		text := []string{"", "x", "\xff\xfe", "2026-11-29T10:00:00.000000000Z x", strings.Repeat("long", 20)}[r.IntN(5)]
		if unique {
			text += fmt.Sprintf(" %d", i)
		}
		if r.IntN(10) == 0 { // a line in several entries
			script = append(script, entry{at: at, text: "part"})
		}
		script = append(script, entry{at: at, text: text + "\n"})
	}
	if r.IntN(2) == 0 {
		script[len(script)-1].text = "no newline"
	}
	return script
}

func whole(script []entry) string {
	var b strings.Builder
	for _, e := range script {
		b.WriteString(e.text)
	}
	return b.String()
}

// read reads the node's log to its end.
func (n *node) read(l *logReader) string {
	var out bytes.Buffer
	l.client, l.ended, l.out.Stdout = n, n.ended, &out
	if err := l.run(n.t.Context()); err != nil {
		n.t.Errorf("run() = %v, want nil", err)
	}
	return out.String()
}

func newNode(t *testing.T, r *rand.Rand, script []entry) *node {
	return &node{t: t, rand: r, script: script, ended: make(chan struct{})}
}

// TestLogWhole checks that each line comes once, in order, from readings that break off at any
// byte, while the node keeps all of the log.
func TestLogWhole(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			n := newNode(t, r, randomScript(r, 1+r.IntN(60), r.IntN(2) == 0))
			n.keeps = true
			if diff := cmp.Diff(whole(n.script), n.read(&logReader{})); diff != "" {
				t.Errorf("seed %d: output (-want +got):\n%s", seed, diff)
			}
		})
	}
}

// TestLogGaps checks that lines which the node has removed before they were read are missing
// where the output says so, and nowhere else, and that no line comes twice.
func TestLogGaps(t *testing.T) {
	t.Parallel()
	for seed := range uint64(1000) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			n := newNode(t, r, randomScript(r, 1+r.IntN(60), true))
			if fault := n.compare(n.read(&logReader{})); fault != "" {
				t.Errorf("seed %d: %s", seed, fault)
			}
		})
	}
}

// compare returns what is wrong with an output: lines that are missing, come twice or
// have changed, other than beside a gap that it says at the beginning of a log.
func (n *node) compare(got string) (fault string) {
	want := strings.SplitAfter(whole(n.script), "\n")
	next := 0
	said := true // nobody can tell what the log had before it was read first
	lines := strings.SplitAfter(got, "\n")
	saysGap := func(i int) bool { return i < len(lines) && strings.HasPrefix(lines[i], "runwith: output ") }
	for at, line := range lines {
		if saysGap(at) {
			said = true
			continue
		}
		if saysGap(at+1) && next < len(want) && want[next] != line && strings.HasPrefix(want[next], strings.TrimSuffix(line, "\n")) {
			continue // the beginning of a line whose end is gone
		}
		i := slices.Index(want[next:], line)
		switch {
		case i < 0 && said || i < 0 && line == "part\n": // the rest of a line, or its beginning
			continue
		case i < 0:
			return fmt.Sprintf("line %q comes twice, or was never written, in %q, want %q", line, got, want)
		case i > 0 && !said:
			return fmt.Sprintf("%d lines are missing before %q in %q, want %q", i, line, got, want)
		}
		next += i + 1
		said = false
	}
	if next < len(want) && !said {
		return fmt.Sprintf("%q is missing at the end of %q", want[next:], got)
	}
	return ""
}
