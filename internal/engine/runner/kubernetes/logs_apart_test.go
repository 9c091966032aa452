package kubernetes

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// twoStreams is a random log whose lines are on either stream.
func twoStreams(r *rand.Rand) []entry {
	script := randomScript(r, 1+r.IntN(60), r.IntN(2) == 0)
	stderr := false
	for i := range script {
		script[i].stderr = stderr
		if strings.HasSuffix(script[i].text, "\n") {
			stderr = r.IntN(3) == 0
		}
	}
	if r.IntN(3) == 0 { // both end without a newline
		last := script[len(script)-1]
		script[len(script)-1].text = "no newline"
		script = append(script, entry{at: last.at, text: "nor here", stderr: !last.stderr})
	}
	return script
}

// checkStreams compares the output with what the container wrote.
func (n *node) checkStreams(seed uint64, stdout string, stderr fmt.Stringer) {
	n.t.Helper()
	for stream, got := range map[string]string{kube.Stdout: stdout, kube.Stderr: stderr.String()} {
		if diff := cmp.Diff(whole(streamOf(n.script, stream)), got); diff != "" {
			n.t.Errorf("seed %d: %s (-want +got):\n%s", seed, stream, diff)
		}
	}
}

// TestLogApart checks that each line comes once, in order, on its own stream, from readings that
// break off at any byte.
func TestLogApart(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 5))
			n := newNode(t, r, twoStreams(r))
			n.keeps = true
			var stderr bytes.Buffer
			l := &logReader{apart: true, out: runner.Output{Stderr: &stderr}}
			n.checkStreams(seed, n.read(l), &stderr)
		})
	}
}

// TestLogApartAdopted checks that a process that adopts a container continues each stream where a
// process that was killed has stopped.
func TestLogApartAdopted(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 6))
			n := newNode(t, r, twoStreams(r))
			n.keeps = true
			record := filepath.Join(t.TempDir(), "record")
			ctx, kill := context.WithCancel(t.Context())
			stdout := &store{record: stdoutRecord(record), left: r.IntN(6), kill: kill}
			stderr := &store{record: stderrRecord(record), left: r.IntN(6), kill: kill}
			out := runner.Output{Stdout: stdout, Stderr: stderr, Kept: func() (a, b runner.Extent, err error) {
				a, _, _ = stdout.kept()
				b, _, _ = stderr.kept()
				return a, b, nil
			}}
			reader := func() *logReader {
				return &logReader{client: n, ended: n.ended, out: out, apart: true, resume: true, record: record}
			}
			_ = reader().run(ctx) // it is killed, or was faster
			stdout.revive(t)
			stderr.revive(t)
			if err := reader().run(t.Context()); err != nil {
				t.Errorf("seed %d: run() of the process that adopts = %v, want nil", seed, err)
			}
			n.checkStreams(seed, stdout.String(), stderr)
		})
	}
}

// TestLogNotApart checks that a node which does not show the streams apart shows both as stdout.
func TestLogNotApart(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			n := newNode(t, r, twoStreams(r))
			n.keeps, n.merges = true, true
			var stderr bytes.Buffer
			l := &logReader{apart: true, out: runner.Output{Stderr: &stderr}}
			if diff := cmp.Diff(whole(n.script), n.read(l)); diff != "" {
				t.Errorf("seed %d: stdout (-want +got):\n%s", seed, diff)
			}
			if stderr.Len() > 0 {
				t.Errorf("seed %d: stderr = %q, want nothing", seed, stderr.String())
			}
		})
	}
}

// TestLogRefusedOnce checks that each line comes once if one of several API servers refuses a stream
// that the others show. If both streams are refused before one is shown, all lines are on stdout.
func TestLogRefusedOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		refuses map[string]int
		merged  bool // both may be read as one
	}{
		"stdout":            {map[string]int{kube.Stdout: 1}, false},
		"stderr":            {map[string]int{kube.Stderr: 1}, false},
		"stderr many times": {map[string]int{kube.Stderr: 5}, false},
		"both":              {map[string]int{kube.Stdout: 1, kube.Stderr: 1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(100) {
				synctest.Test(t, func(t *testing.T) {
					r := rand.New(rand.NewPCG(seed, 10))
					n := newNode(t, r, twoStreams(r))
					n.keeps, n.refuses = true, maps.Clone(test.refuses)
					var stderr bytes.Buffer
					stdout := n.read(&logReader{apart: true, out: runner.Output{Stderr: &stderr}})
					if test.merged && stderr.Len() == 0 && stdout == whole(n.script) {
						return
					}
					n.checkStreams(seed, stdout, &stderr)
				})
			}
		})
	}
}

// TestLogReadBefore checks that a log which an earlier process has read as one goes on so.
func TestLogReadBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 8))
		n := newNode(t, r, twoStreams(r))
		n.keeps = true
		var stderr bytes.Buffer
		s := &store{record: filepath.Join(t.TempDir(), "record"), left: 1 << 20}
		l := logReader{client: n, ended: n.ended, out: runner.Output{Stdout: s, Stderr: &stderr, Kept: s.kept}, resume: true, record: s.record}
		if err := l.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.apart = true
		if err := l.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(whole(n.script), s.String()); diff != "" {
			t.Errorf("stdout (-want +got):\n%s", diff)
		}
		if stderr.Len() > 0 {
			t.Errorf("stderr = %q, want nothing", stderr.String())
		}
	})
}

// TestLogApartBegins checks that an adopted stream whose first line comes late is not taken for
// one that has lost its beginning, while the log still has the container's first output.
func TestLogApartBegins(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	first := entry{at: start, text: "began\n"}
	last := entry{at: start.Add(time.Hour), text: "a warning\n", stderr: true}
	for _, test := range []struct {
		name   string
		script []entry
		want   string
	}{
		{"the whole log", []entry{first, last}, "a warning\n"},
		{"a rotated log", []entry{last}, "runwith: output before 2026-11-29T11:00:00Z may be missing: " + whyRotated + "\na warning\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t, rand.New(rand.NewPCG(3, 9)), test.script)
				n.keeps = true
				n.written = len(n.script)
				var stderr bytes.Buffer
				n.read(&logReader{apart: true, adopted: true, started: start, out: runner.Output{Stderr: &stderr}})
				if diff := cmp.Diff(test.want, stderr.String()); diff != "" {
					t.Errorf("stderr (-want +got):\n%s", diff)
				}
			})
		})
	}
}
