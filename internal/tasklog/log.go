package tasklog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// log is one execution's file, shared by those who write and follow it.
type log struct {
	store *Store
	name  string
	users int // guarded by the store

	mu      sync.Mutex
	file    *os.File // nil when it is closed
	known   bool     // size and last are those of the file
	size    int64
	last    int64 // time of the last record
	cut     bool  // the limit was reached
	ended   bool
	deleted bool
	changed chan struct{} // closed at the next change

	syncing sync.Mutex // guards what follows
	synced  int64      // bytes that are on disk for certain
	failed  error
}

// append writes records whose time is to be now. encode builds them for a time.
func (l *log) append(encode func(nanos int64) []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deleted || l.cut {
		return nil
	}
	if err := l.openFile(); err != nil || l.cut {
		return err
	}
	l.last = max(l.last, time.Now().UnixNano())
	records := encode(l.last)
	if l.size+int64(len(records)) > l.store.max {
		l.cut = true
		records = record{time: l.last, flags: "x", text: fmt.Appendf(nil,
			"runwith keeps %d bytes of an execution's output; what came after this was not kept", l.store.max)}.encode(nil)
	}
	n, err := l.file.WriteAt(records, l.size)
	if err != nil {
		// A part of a record is written over by the next one, or cut off later.
		return fmt.Errorf("write output: %w", err)
	}
	l.size += int64(n)
	l.announce()
	return nil
}

// announce wakes the followers. The caller has locked l.
func (l *log) announce() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// openFile opens the file for writing. The caller has locked l.
func (l *log) openFile() error {
	if l.file == nil {
		if !validName(l.name) {
			return fmt.Errorf("write output: %q is no name of an execution's log", l.name)
		}
		var err error
		if l.file, err = os.OpenFile(l.store.path(l.name), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
			return fmt.Errorf("open output: %w", err)
		}
		if err := l.measure(); err != nil {
			return errors.Join(err, l.closeFile())
		}
	}
	l.store.touch(l)
	return nil
}

// measure finds the end of the last whole record, and cuts off what a crash left
// behind it.
func (l *log) measure() error {
	if l.known {
		return nil
	}
	r := bufio.NewReaderSize(l.file, 64<<10)
	for {
		rec, n, err := readRecord(r)
		if errors.Is(err, errTorn) || errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read output: %w", err)
		}
		l.size += n
		l.last = rec.time
		l.cut = l.cut || rec.isCut()
	}
	l.known = true
	if err := l.file.Truncate(l.size); err != nil {
		return fmt.Errorf("cut unfinished output: %w", err)
	}
	return nil
}

// closeFile closes the file, if it is open. The caller has locked l.
func (l *log) closeFile() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

// sync returns when all that was appended before is on disk. Writers that sync at
// the same time share one, and nobody who writes waits for it. An error stays: what
// the system has failed to write once it may have dropped.
func (l *log) sync() error {
	l.mu.Lock()
	want := l.size
	l.mu.Unlock()
	l.syncing.Lock()
	defer l.syncing.Unlock()
	if l.synced >= want || l.failed != nil {
		return l.failed
	}
	for {
		file, size, err := l.begin()
		if err == nil && file == nil {
			return nil // deleted
		}
		if err == nil {
			err = file.Sync()
		}
		if errors.Is(err, os.ErrClosed) {
			continue // for want of room, between begin and here
		}
		if err == nil && l.synced == 0 {
			err = syncFolder(l.store.dir)
		}
		if err != nil {
			l.failed = fmt.Errorf("sync output: %w", err)
			return l.failed
		}
		l.synced = size
		return nil
	}
}

// begin returns the file for a sync and how much is in it, or no file where the
// log is deleted.
func (l *log) begin() (*os.File, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deleted {
		return nil, 0, nil
	}
	err := l.openFile()
	return l.file, l.size, err
}

// state is what a follower looks at: whether anything more can come, or is there
// at all, and what closes when that changes.
func (l *log) state() (ended, deleted bool, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended, l.deleted, l.changed
}
