// Package tasklog keeps what tasks print, and what the platform says of them: one
// append-only file an execution, read by place, time or task, either way round, and
// watched while it grows.
//
// A file is a sequence of records, each a line of text about a line of output,
// and that line:
//
//	1795457526000000000 0 1 o 5
//	hello
//
// that is the time in Unix nanoseconds, task, attempt, flags and length in bytes.
// The flags are o (stdout), e (stderr) or s (the platform's, with I, W or E for how
// grave it is), + where the line goes on in the next record of its stream, the index of
// its container where that is not 0, and x for the record that says that the rest was
// not kept. Times never go back within a file. A
// record that a crash left unfinished is cut off when the file is written to again.
//
// Beside a file of more than 32 KiB stands its index: for each block of about 32 KiB,
// in 64 bytes, where it ends, when, and which tasks and streams are in it. It is made
// from the file, tells only of bytes that are on disk, and is made anew where it is
// missing or broken. So one task's output costs reading the blocks that it is in.
package tasklog

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"
)

const (
	// MaxLine is how much of a line one record takes, in bytes.
	//
	// Deviation: what is longer becomes several entries.
	MaxLine = 256 << 10
	// DefaultMaxBytes is what is kept of one execution's output.
	//
	// Deviation: Cloud Logging has no such limit.
	DefaultMaxBytes = 1 << 30

	maxOpen = 64 // files that are kept open, whatever the number of tasks
)

// Options say how much is kept. The zero value works.
type Options struct {
	// MaxBytes bounds one execution's file; 0 is DefaultMaxBytes.
	MaxBytes int64
}

// Store keeps the output of executions in a folder. Its methods may be called
// concurrently.
type Store struct {
	dir string
	max int64

	mu   sync.Mutex
	logs map[string]*log // those that are written or read
	open []*log          // those with an open file, least recently used first

	watching sync.RWMutex
	watches  map[*Watch]struct{}
}

// Open opens a folder of logs, creating it with mode 0700. The caller closes it.
func Open(dir string, o Options) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create log folder: %w", err)
	}
	return &Store{
		dir: dir, max: cmp.Or(o.MaxBytes, DefaultMaxBytes), logs: map[string]*log{}, watches: map[*Watch]struct{}{},
	}, nil
}

// Close closes the files. Writers must have been closed before.
func (s *Store) Close() error {
	s.mu.Lock()
	open := s.open
	s.open = nil
	s.mu.Unlock()
	var errs []error
	for _, l := range open {
		l.mu.Lock()
		errs = append(errs, l.closeFile())
		l.mu.Unlock()
	}
	return errors.Join(errs...)
}

// Attempt returns a writer for what one attempt of a task prints. It touches no
// file until something is printed. The label is what a [Watch] tells of the
// execution. The caller closes the writer.
func (s *Store) Attempt(execution, label string, task, attempt int) *Writer {
	l := s.acquire(execution)
	l.mu.Lock()
	l.label = label
	l.mu.Unlock()
	return newWriter(l, task, attempt)
}

// End says that nothing more will be written of an execution, so that nothing of it
// needs to be kept in memory.
func (s *Store) End(execution string) {
	l := s.acquire(execution)
	defer s.release(l)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}

// Delete removes an execution's output. What is written of it later is dropped. Deleting what is not there is no error.
func (s *Store) Delete(execution string) error {
	if !validName(execution) {
		return nil
	}
	l := s.acquire(execution)
	defer s.release(l)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended, l.deleted = true, true
	return errors.Join(s.forget(l), remove(s.path(execution)), remove(s.indexPath(execution)))
}

func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (s *Store) path(execution string) string { return filepath.Join(s.dir, execution+".log") }

func (s *Store) indexPath(execution string) string { return filepath.Join(s.dir, execution+".idx") }

// acquire returns the log of an execution, which stays known until it is released.
func (s *Store) acquire(execution string) *log {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.logs[execution]
	if !ok {
		l = &log{store: s, name: execution}
		s.logs[execution] = l
	}
	l.users++
	return l
}

// release lets go of a log. One that may be written again stays known, because to
// find the end of its file again means to read what is behind its stored index.
func (s *Store) release(l *log) {
	s.mu.Lock()
	l.users--
	idle := l.users == 0
	s.mu.Unlock()
	if !idle {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written && !l.ended {
		return
	}
	s.mu.Lock()
	gone := l.users == 0 && s.logs[l.name] == l
	if gone {
		delete(s.logs, l.name)
	}
	s.mu.Unlock()
	if gone {
		_ = s.forget(l) // what had to be on disk was synced by its writer
	}
}

// touch makes l, which the caller has locked, the most recently used open file,
// and closes the least recently used ones beyond the limit that nobody holds.
func (s *Store) touch(l *log) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(l)
	s.open = append(s.open, l)
	for i := 0; len(s.open) > maxOpen && i < len(s.open)-1; {
		victim := s.open[i]
		if !victim.mu.TryLock() {
			i++
			continue
		}
		_ = victim.closeFile() // its data is the kernel's to write; a later sync covers it
		victim.mu.Unlock()
		s.remove(victim)
	}
}

// forget closes the file of l, which the caller has locked.
func (s *Store) forget(l *log) error {
	s.mu.Lock()
	s.remove(l)
	s.mu.Unlock()
	return l.closeFile()
}

func (s *Store) remove(l *log) {
	for i, other := range s.open {
		if other == l {
			s.open = append(s.open[:i], s.open[i+1:]...)
			return
		}
	}
}

var safeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

func validName(execution string) bool { return safeName.MatchString(execution) }

// Stream is where a line came from.
type Stream string

// The streams of an attempt, and what the platform says of it.
const (
	Stdout Stream = "stdout"
	Stderr Stream = "stderr"
	System Stream = "system"
)

// Level is how grave a line of the platform is. What tasks print has none.
type Level byte

// The levels.
const (
	Info    Level = 'I'
	Warning Level = 'W'
	Error   Level = 'E'
)

// Entry is one line that a task printed, or that the platform said of it.
type Entry struct {
	// Pos is where the next entry begins: a Query with After = Pos goes on there.
	Pos           int64
	Time          time.Time // UTC
	Task, Attempt int
	Container     int // index of the one that printed it, among those of the task
	Stream        Stream
	Level         Level // of System alone
	// Text is the line without its newline, as it was printed: it need not be UTF-8.
	Text []byte
	// Continued says that the line goes on in the next entry of its container's stream.
	Continued bool
}
