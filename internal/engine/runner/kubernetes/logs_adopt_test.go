package kubernetes

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/engine/runner"
)

// store keeps output as the engine does: whole lines at once. It ends the process that
// writes after some writes.
type store struct {
	bytes.Buffer
	record string
	left   int    // writes until the process is killed
	kill   func() // ends the process
	file   []byte // the record at that moment
	dead   bool
}

func (s *store) Write(p []byte) (int, error) {
	if s.dead {
		return len(p), nil
	}
	if s.left--; s.left < 0 {
		s.dead = true
		s.file, _ = os.ReadFile(s.record) // may not be there
		s.kill()
		p = p[:len(p)/2] // a part has been stored
	}
	return s.Buffer.Write(p)
}

// kept returns how much of the output is stored. The end of an unfinished line is not.
func (s *store) kept() (stdout, stderr runner.Extent, err error) {
	s.Truncate(bytes.LastIndexByte(s.Bytes(), '\n') + 1)
	return runner.Extent{Lines: bytes.Count(s.Bytes(), []byte("\n"))}, stderr, nil
}

// revive restores the record as it was at the kill. Later writes are kept.
func (s *store) revive(t *testing.T) {
	t.Helper()
	was := s.dead
	s.dead, s.left = false, 1<<20
	if !was {
		return
	}
	if s.file == nil {
		_ = os.Remove(s.record)
	} else if err := os.WriteFile(s.record, s.file, 0o600); err != nil {
		t.Fatal(err)
	}
}

// adopted reads a node's log by a process that is killed, and then by one that adopts the
// container. An earlier incarnation has written some lines.
func (n *node) adopted(t *testing.T, earlier string) string {
	ctx, cancel := context.WithCancel(t.Context())
	s := &store{record: filepath.Join(t.TempDir(), "record"), left: n.rand.IntN(6), kill: cancel}
	s.WriteString(earlier)
	out := runner.Output{Stdout: s, Kept: s.kept}
	l := &logReader{client: n, ended: n.ended, out: out, resume: earlier != "", record: s.record}
	if err := l.run(ctx); !s.dead {
		if err != nil {
			t.Errorf("run() = %v, want nil", err)
		}
		return s.String() // it was faster
	}
	s.revive(t)
	if err := (&logReader{client: n, ended: n.ended, out: out, resume: true, record: s.record}).run(t.Context()); err != nil {
		t.Errorf("run() of the process that adopts = %v, want nil", err)
	}
	return s.String()
}

// TestLogAdopted checks that a process that adopts a container continues its output where a
// process that was killed has stopped.
func TestLogAdopted(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 3))
			n := newNode(t, r, randomScript(r, 1+r.IntN(60), r.IntN(2) == 0))
			n.keeps = true
			earlier := []string{"", "of an earlier incarnation\n"}[r.IntN(2)]
			if diff := cmp.Diff(earlier+whole(n.script), n.adopted(t, earlier)); diff != "" {
				t.Errorf("seed %d: output (-want +got):\n%s", seed, diff)
			}
		})
	}
}

// TestLogAdoptedAfterRotation checks that no line is missing silently if the node has removed
// lines while nobody read the log.
func TestLogAdoptedAfterRotation(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 4))
			n := newNode(t, r, randomScript(r, 1+r.IntN(60), true))
			if fault := n.compare(n.adopted(t, "")); fault != "" {
				t.Errorf("seed %d: %s", seed, fault)
			}
		})
	}
}

func TestLogRecordOfAnotherStore(t *testing.T) {
	t.Parallel()
	all := []position{{lines: 3}, {lines: 10}, {lines: 7}}
	for kept, want := range map[int]int{2: 3, 3: 3, 6: 3, 7: 7, 9: 7, 10: 10, 11: 10} {
		if at, _ := latestPosition(all, runner.Extent{Lines: kept}); at.lines != want {
			t.Errorf("latestPosition() of %d lines = line %d, want %d", kept, at.lines, want)
		}
	}
}

func TestLogRecordTorn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "record")
	r, err := newLogRecord(path, position{lines: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	if err := errors.Join(r.write(position{lines: 2}), r.write(position{lines: 3, nth: 1, last: mark{at: -5, sum: 1 << 63}}), r.write(position{lines: 4})); err != nil {
		t.Fatal(err)
	}
	if _, err := r.file.WriteAt([]byte("9"), slotSize); err != nil {
		t.Fatal(err)
	}
	got, err := readLogRecord(path)
	want := []position{{lines: 1}, {lines: 3, nth: 1, last: mark{at: -5, sum: 1 << 63}}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(position{}, mark{})); err != nil || diff != "" {
		t.Errorf("readLogRecord() = %v (-want +got):\n%s", err, diff)
	}
}
