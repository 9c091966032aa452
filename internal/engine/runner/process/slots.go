//go:build linux || darwin

package process

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

// record is how the next server finds an attempt if this one dies. It is valid only
// during the same boot.
type record struct {
	ID    string `json:"id"` // runner.ID.String
	Boot  string `json:"boot"`
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // when the process started, in the units of lookProcess
}

// slotSize is the size of one record. A slot does not cross a page, so that a record is
// written as a whole or not at all, even if the server is killed. Nothing is synced,
// because no process survives a loss of power.
const slotSize = 2048

// slots hold the files of running attempts: a place for the record in one common file,
// and a home folder. Attempts reuse both, because creating and removing thousands of
// files a second is slow (ext4 does not reuse a fresh inode for seconds, and skips each
// one at every creation).
type slots struct {
	file  *os.File
	homes string

	mu     sync.Mutex
	count  int          // how many slots exist
	free   []int        // slots without an attempt
	clean  map[int]bool // free slots whose home exists and is empty
	closed bool
	held   sync.WaitGroup // see hold
}

// openSlots returns the slots of a folder, all in use, and their records.
func openSlots(dir string) (*slots, map[int]record, error) {
	s := &slots{homes: filepath.Join(dir, "homes"), clean: make(map[int]bool)}
	if err := os.MkdirAll(s.homes, 0o700); err != nil {
		return nil, nil, err
	}
	var err error
	if s.file, err = os.OpenFile(filepath.Join(dir, "attempts"), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, nil, err
	}
	b, err := os.ReadFile(s.file.Name())
	if err != nil {
		return nil, nil, errors.Join(err, s.file.Close())
	}
	s.count = (len(b) + slotSize - 1) / slotSize
	return s, parseSlots(b), nil
}

// parseSlots skips free slots and truncated records. A truncated one names no process;
// the marker still finds it.
func parseSlots(b []byte) map[int]record {
	records := make(map[int]record)
	for slot := 0; len(b) > 0; slot++ {
		n := min(slotSize, len(b))
		line, _, _ := bytes.Cut(b[:n], []byte{'\n'})
		var rec record
		if json.Unmarshal(line, &rec) == nil && rec.PID > 0 {
			records[slot] = rec
		}
		b = b[n:]
	}
	return records
}

// hold keeps the slots open until the caller calls done. It does nothing if they are closed.
func (s *slots) hold() (done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return func() {}
	}
	s.held.Add(1)
	return s.held.Done
}

func (s *slots) close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.held.Wait()
	return s.file.Close()
}

// prune frees the slots that are not to be kept, and empties their homes.
func (s *slots) prune(keep map[int]bool) error {
	var errs []error
	for slot := range s.count {
		if !keep[slot] {
			errs = append(errs, s.release(slot))
		}
	}
	// A slot without a record may have a home, too.
	entries, err := os.ReadDir(s.homes)
	errs = append(errs, err)
	for _, entry := range entries {
		if slot, err := strconv.Atoi(entry.Name()); err != nil || !keep[slot] && !s.clean[slot] {
			errs = append(errs, removeTree(filepath.Join(s.homes, entry.Name())))
		}
	}
	return errors.Join(errs...)
}

// claim takes a slot. Its home exists and is empty.
func (s *slots) claim() (slot int, home string, err error) {
	s.mu.Lock()
	clean := false
	if n := len(s.free); n > 0 {
		slot, s.free = s.free[n-1], s.free[:n-1]
		clean = s.clean[slot]
		delete(s.clean, slot)
	} else {
		slot = s.count
		s.count++
	}
	s.mu.Unlock()
	home = s.home(slot)
	if !clean {
		err = errors.Join(removeTree(home), os.Mkdir(home, 0o700))
	}
	if err != nil {
		return 0, "", errors.Join(err, s.release(slot))
	}
	return slot, home, nil
}

// write writes a record into a slot.
func (s *slots) write(slot int, rec record) error {
	b, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	if len(b) >= slotSize {
		return fmt.Errorf("attempt ID is too long by %d bytes", len(b)+1-slotSize)
	}
	_, err = s.file.WriteAt(append(b, '\n'), int64(slot)*slotSize)
	return err
}

// release frees a slot, even if it returns an error.
func (s *slots) release(slot int) error {
	_, err := s.file.WriteAt([]byte{'\n'}, int64(slot)*slotSize)
	clean := emptyHome(s.home(slot))
	if !clean {
		err = errors.Join(err, removeTree(s.home(slot)))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clean[slot] = clean
	s.free = append(s.free, slot)
	return err
}

func (s *slots) home(slot int) string { return filepath.Join(s.homes, strconv.Itoa(slot)) }

// emptyHome reports whether a home is as new.
func emptyHome(home string) bool {
	info, err := os.Lstat(home)
	if err != nil || info.Mode() != fs.ModeDir|0o700 {
		return false
	}
	dir, err := os.Open(home)
	if err != nil {
		return false
	}
	defer dir.Close()
	names, err := dir.Readdirnames(1)
	return len(names) == 0 && err != nil // io.EOF
}

// removeTree removes a file or a folder, if it exists. A task may leave folders that are
// not writable, such as Go's module cache.
func removeTree(path string) error {
	if err := os.Remove(path); err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if os.RemoveAll(path) == nil {
		return nil
	}
	_ = filepath.WalkDir(path, func(path string, entry fs.DirEntry, _ error) error {
		if entry != nil && entry.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(path)
}
