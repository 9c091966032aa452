package tasklog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"
)

// Query says what to read. The zero value reads all that is there.
type Query struct {
	// After is the Pos of the entry after which to begin; 0 is the beginning.
	After int64
	// Since leaves out entries before that time.
	Since time.Time
	// Follow goes on with entries as they are written, until the log is ended or
	// deleted, or the context ends, which is no error.
	Follow bool
}

// Read yields an execution's output in the order in which it was written. A log
// that nothing was written to is empty. The entries' texts are the caller's.
func (s *Store) Read(ctx context.Context, execution string, q Query) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if !validName(execution) || q.After < 0 {
			yield(Entry{}, fmt.Errorf("read output of %q after %d: no such log or place", execution, q.After))
			return
		}
		r := &reading{store: s, path: s.path(execution), pos: q.After, since: q.Since}
		defer r.close()
		if !q.Follow {
			r.pass(ctx, yield)
			return
		}
		l := s.acquire(execution)
		defer s.release(l)
		r.follow(ctx, l, yield)
	}
}

// reading is one reader's place in a file.
type reading struct {
	store *Store
	path  string
	file  *os.File
	pos   int64
	since time.Time
}

func (r *reading) close() {
	if r.file != nil {
		_ = r.file.Close()
	}
}

// follow reads until the log has ended.
func (r *reading) follow(ctx context.Context, l *log, yield func(Entry, error) bool) {
	for {
		ended, deleted, changed := l.state()
		if deleted || !r.pass(ctx, yield) || ended {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// pass yields the whole records from pos to the end of the file, and reports
// whether to go on.
func (r *reading) pass(ctx context.Context, yield func(Entry, error) bool) bool {
	if err := r.open(); err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			yield(Entry{}, fmt.Errorf("read output: %w", err))
			return false
		}
		return true // nothing was written yet
	}
	buffered := bufio.NewReaderSize(r.file, 64<<10)
	for ctx.Err() == nil {
		rec, n, err := readRecord(buffered)
		if errors.Is(err, io.EOF) || errors.Is(err, errTorn) {
			return true // the end, or a record that is being written
		}
		if err != nil {
			yield(Entry{}, fmt.Errorf("read output: %w", err))
			return false
		}
		r.pos += n
		if e := rec.entry(r.pos); !e.Time.Before(r.since) && !yield(e, nil) {
			return false
		}
	}
	return false
}

// open opens the file if it is not, and goes to pos.
func (r *reading) open() (err error) {
	if r.file == nil {
		if r.file, err = os.Open(r.path); err != nil {
			r.file = nil
			return err
		}
	}
	_, err = r.file.Seek(r.pos, io.SeekStart)
	return err
}
