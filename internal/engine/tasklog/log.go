package tasklog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/runwith/runwith/internal/descriptor"
	"github.com/runwith/runwith/internal/durablefile"
	"github.com/runwith/runwith/internal/microtime"
)

// log is one execution's file, shared by its writers and readers.
type log struct {
	store *Store
	name  string
	users int // guarded by the store

	mu      sync.Mutex
	file    *os.File // nil when it is closed
	known   bool     // the index describes the file
	index   index
	saved   int    // stored blocks of the index
	cut     bool   // the limit was reached
	written bool   // it has a writer, or may have one again
	label   string // for watches
	ended   bool
	deleted bool

	syncing sync.Mutex // guards the fields below
	synced  int64      // bytes that are certainly on disk
	failed  error
}

// append writes records of one attempt and gives them the present time.
func (l *log) append(records ...record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deleted || l.cut {
		return nil
	}
	if err := l.openFile(); err != nil || l.cut {
		return err
	}
	now := max(l.index.open.last, microtime.Nanos(time.Now().UnixNano()))
	if n := fitting(records, now, l.store.max-l.index.size()); n < len(records) {
		l.cut = true
		if n > 0 {
			if err := l.write(records[:n], now); err != nil {
				return err
			}
		}
		records = []record{{kind: cut, text: fmt.Appendf(nil,
			"runwith keeps %d bytes of an execution's output; later output was not kept", l.store.max)}}
	}
	return l.write(records, now)
}

// write writes records of one attempt and stream at the end of the file. The caller has
// locked l and opened its file.
func (l *log) write(records []record, now int64) error {
	data, from := encode(records, now), l.index.size()
	if _, err := l.file.WriteAt(data, from); err != nil {
		// The next record overwrites a partial one, or opening the file cuts it off.
		return fmt.Errorf("write output: %w", err)
	}
	last := records[len(records)-1]
	last.time = now
	l.index.add(last, len(data))
	l.store.wrote(now)
	l.store.Tell(Span{Execution: l.name, Label: l.label, From: from, To: l.index.size()})
	return nil
}

// fitting returns how many of the records, from the first on, fit into so many bytes.
func fitting(records []record, nanos, room int64) int {
	most := 0
	for _, r := range records {
		most += len(r.text) + maxHeader
	}
	if int64(most) <= room { // the usual case
		return len(records)
	}
	size := 0
	for i, r := range records {
		r.time = nanos
		if size += len(r.encode(nil)); int64(size) > room {
			return i
		}
	}
	return len(records)
}

func encode(records []record, nanos int64) []byte {
	size := 0
	for _, r := range records {
		size += len(r.text) + maxHeader/2
	}
	data := make([]byte, 0, size)
	for _, r := range records {
		r.time = nanos
		data = r.encode(data)
	}
	return data
}

// openFile opens the file for writing and cuts off the partial record that a crash left
// at its end. The caller has locked l.
func (l *log) openFile() error {
	if l.file == nil {
		if !validName(l.name) {
			return fmt.Errorf("write output: %q is no name of an execution's log", l.name)
		}
		var err error
		if l.file, err = os.OpenFile(l.store.path(l.name), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
			return fmt.Errorf("open output: %w", err)
		}
		if err := l.measure(l.file); err != nil {
			return errors.Join(err, l.closeFile())
		}
		if !l.written {
			if err := l.cutUnfinished(); err != nil {
				return errors.Join(fmt.Errorf("cut unfinished output: %w", err), l.closeFile())
			}
		}
		l.written = true
	}
	l.store.touch(l)
	return nil
}

// cutUnfinished cuts off a partial record at the end of the file, and the blocks of the
// stored index that include it.
func (l *log) cutUnfinished() error {
	err := os.Truncate(l.store.indexPath(l.name), int64(l.saved)*blockBytes)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, l.file.Truncate(l.index.size()))
}

// closeFile closes the file if it is open. The caller has locked l.
func (l *log) closeFile() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

// sync returns when all earlier records are on disk. Concurrent calls share one sync,
// and writing goes on meanwhile. An error is permanent, because the system may have
// dropped the data that it failed to write.
func (l *log) sync() error {
	l.mu.Lock()
	want := l.index.size()
	l.mu.Unlock()
	l.syncing.Lock()
	defer l.syncing.Unlock()
	if l.synced >= want || l.failed != nil {
		return l.failed
	}
	for {
		size, err := l.syncFile()
		switch {
		case errors.Is(err, os.ErrClosed):
			continue // touch closed it after begin, to keep few files open
		case errors.Is(err, errDeleted):
			return nil
		case err != nil:
			l.failed = fmt.Errorf("sync output: %w", err)
			return l.failed
		}
		l.synced = size
		l.mu.Lock()
		l.saveIndex(size)
		l.mu.Unlock()
		return nil
	}
}

var errDeleted = errors.New("the log is deleted")

// syncFile syncs the file, and its name if that may not be on disk yet. It returns the
// size that is on disk.
func (l *log) syncFile() (size int64, err error) {
	err = descriptor.Retry(descriptorPatience, func() error {
		file, now, err := l.begin()
		if err != nil {
			return err
		}
		size = now
		if err := file.Sync(); err != nil || l.synced > 0 {
			return err
		}
		return durablefile.SyncFolder(l.store.dir)
	})
	return size, err
}

// begin returns the file to sync and its size, or errDeleted.
func (l *log) begin() (*os.File, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deleted {
		return nil, 0, errDeleted
	}
	err := l.openFile()
	return l.file, l.index.size(), err
}
