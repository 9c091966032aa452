// Package tasklog stores the output of tasks: one append-only file for each execution,
// which is read by place, time or task, in either direction, and watched while it grows.
// A reader can merge in entries that are derived and not stored, such as the platform's
// own lines.
//
// A file is a sequence of records. Each is a header line and a line of output:
//
//	1795457526000000000 0 1 o 5
//	hello
//
// The header has the time in Unix nanoseconds, the task, the attempt, the flags, and the
// length in bytes. The flags are
//
//	o, e      stdout or stderr
//	s         a line of the platform, with I, W or E for its severity; only older
//	          versions wrote these
//	x         the notice that later output of the execution was not kept
//	l         the notice that output was lost because the disk was almost full
//	+         the line continues in the next record of its stream
//	a number  the index of the container, unless it is 0
//
// Times never decrease within a file. If a crash left a partial record at the end, the
// next writer cuts it off.
//
// A file of more than 32 KiB has an index beside it. For each block of about 32 KiB it
// has 64 bytes: the block's end, last time, tasks and streams. So reading one task's
// output costs reading the blocks that contain it. The index describes only bytes that
// are on disk. A missing or broken index is rebuilt from the file.
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
	"sync/atomic"
	"time"

	"github.com/runwith/runwith/internal/descriptor"
	"github.com/runwith/runwith/internal/disk"
)

const (
	// MaxLine is the longest text of one record, in bytes.
	//
	// Deviation: a longer line becomes several entries.
	MaxLine = 256 << 10
	// DefaultMaxBytes limits the output of one execution that is kept.
	//
	// Deviation: Cloud Logging has no such limit.
	DefaultMaxBytes = 1 << 30

	maxOpen = 64 // files kept open, or less if this process may open few
)

// Options limit what a [Store] keeps. The zero value works.
type Options struct {
	// MaxBytes bounds one execution's file; 0 is DefaultMaxBytes.
	MaxBytes int64
}

// Store keeps the output of executions in a folder. Its methods may be called
// concurrently.
type Store struct {
	dir  string
	max  int64
	most int // files kept open
	disk *disk.Disk
	room room

	mu   sync.Mutex
	logs map[string]*log // in use
	open []*log          // with an open file, the least recently used first

	latest atomic.Int64 // time of the newest entry, in Unix nanoseconds

	watching sync.RWMutex
	watches  map[*Watch]struct{}
}

// Open opens a folder of logs and creates it if it is missing, with mode 0700. The
// caller closes the store.
func Open(dir string, o Options) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create log folder: %w", err)
	}
	return &Store{
		dir: dir, most: mostOpen(descriptor.Limit()), max: cmp.Or(o.MaxBytes, DefaultMaxBytes), disk: disk.Of(dir), logs: map[string]*log{}, watches: map[*Watch]struct{}{},
	}, nil
}

// mostOpen returns how many files to keep open with a limit of descriptors; 0 is none.
func mostOpen(limit int) int {
	if limit == 0 {
		return maxOpen
	}
	return min(maxOpen, max(2, limit/16))
}

// Close closes the files. Close all writers before.
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

// Attempt returns a writer of the output of one attempt. It creates no file before the
// first output. The label is for the spans of a [Watch]. The caller closes the writer.
func (s *Store) Attempt(execution, label string, task, attempt int) *Writer {
	l := s.acquire(execution)
	l.mu.Lock()
	l.label = label
	l.mu.Unlock()
	return newWriter(l, task, attempt)
}

// End marks an execution as ended, so that its log is not kept in memory.
func (s *Store) End(execution string) {
	l := s.acquire(execution)
	defer s.release(l)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	s.room.searched.Store(0) // this output can make room now
}

// Delete removes an execution's output. Later writes of it are dropped. Deleting a
// missing log is not an error.
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

// Newest returns the time of the newest entry of a log that is being written, and the
// zero time for any other log. It is in the future if the clock was set back.
func (s *Store) Newest(execution string) time.Time {
	s.mu.Lock()
	l := s.logs[execution]
	s.mu.Unlock()
	if l == nil {
		return time.Time{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.written {
		return time.Time{}
	}
	return time.Unix(0, l.index.open.last)
}

// Latest returns the time of the newest entry that was written since the store was opened.
// It is in the future if the clock was set back.
func (s *Store) Latest() time.Time { return time.Unix(0, s.latest.Load()).UTC() }

// wrote notes the time of an entry.
func (s *Store) wrote(nanos int64) {
	for old := s.latest.Load(); old < nanos && !s.latest.CompareAndSwap(old, nanos); old = s.latest.Load() {
	}
}

func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (s *Store) path(execution string) string { return filepath.Join(s.dir, execution+".log") }

func (s *Store) indexPath(execution string) string { return filepath.Join(s.dir, execution+".idx") }

// acquire returns the log of an execution. The store keeps it until release.
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

// release undoes acquire. The store keeps a log that may be written again, because
// finding the end of its file needs reading the part without a stored index.
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
		_ = s.forget(l) // its writers have synced it
	}
}

// touch makes l the most recently used open file and closes the least recently used
// ones above the limit, except those in use at the moment. The caller has locked l.
func (s *Store) touch(l *log) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(l)
	s.open = append(s.open, l)
	for i := 0; len(s.open) > s.most && i < len(s.open)-1; {
		victim := s.open[i]
		if !victim.mu.TryLock() {
			i++
			continue
		}
		_ = victim.closeFile() // the kernel has its data; a later sync covers it
		victim.mu.Unlock()
		s.remove(victim)
	}
}

// forget closes the file of l. The caller has locked l.
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

// maxName is the maximum length of a log's name. The pattern does not count, because that
// takes 120 KB.
const maxName = 128

var safeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func validName(execution string) bool {
	return len(execution) <= maxName && safeName.MatchString(execution)
}

// Stream is the origin of a line.
type Stream string

// The streams of an attempt, and the platform's lines about it.
const (
	Stdout Stream = "stdout"
	Stderr Stream = "stderr"
	System Stream = "system"
)

// Level is the severity of a line that the platform wrote. Lines of tasks have none.
type Level byte

// The levels.
const (
	Info    Level = 'I'
	Warning Level = 'W'
	Error   Level = 'E'
)

// Entry is one line of a task, or of the platform about it.
type Entry struct {
	// Pos is the place of a stored entry's end: a Query with After = Pos goes on there.
	// A derived entry has the place that DerivedPos returns.
	Pos           int64
	Time          time.Time // UTC
	Task, Attempt int
	Container     int // index among the containers of the task
	Stream        Stream
	Level         Level // of System, and of the notice that output was lost
	// Text is the line without its newline. It need not be UTF-8.
	Text []byte
	// Continued is set if the line continues in the next entry of its container's stream.
	Continued bool
}
