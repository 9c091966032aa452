package tasklog

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/runwith/runwith/internal/descriptor"
	"github.com/runwith/runwith/internal/disk"
)

const (
	lostText = "runwith did not keep the rest of this attempt's output, because the disk was almost full"
	goneText = "runwith removed this output, because the disk was almost full"

	// searchPause is the time after a search that found no old output.
	searchPause = time.Second
	// descriptorPatience is how long a task's output waits for a file descriptor.
	descriptorPatience = time.Minute
	// smallLog is the size of a log that is not worth removing, because the notice takes as
	// much room.
	smallLog = 4 << 10
)

// room finds room for new output.
type room struct {
	mu   sync.Mutex
	live func() map[string]bool // executions that have not ended; nil until Spare

	searched atomic.Int64 // when a search found nothing, in Unix nanoseconds; 0 if there may be some now
}

// Spare lets the store remove the output of ended executions when the disk is almost full,
// oldest first. live returns the executions that have not ended.
func (s *Store) Spare(live func() map[string]bool) {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	s.room.live = live
}

// hasRoom reports whether the disk has room for more output. If it is low, old output makes
// room.
func (s *Store) hasRoom() bool {
	if !s.disk.Low() {
		return true
	}
	s.MakeRoom()
	return s.disk.Check() == nil
}

// MakeRoom removes the output of the executions that ended longest ago, until the disk has
// more room than it needs. A caller calls it if the disk is low.
func (s *Store) MakeRoom() {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	if s.room.live == nil || s.disk.Missing() == 0 || time.Since(time.Unix(0, s.room.searched.Load())) < searchPause {
		return
	}
	s.room.searched.Store(time.Now().UnixNano())
	old := s.oldest(s.room.live())
	if len(old) > 0 {
		s.room.searched.Store(0)
	}
	for _, name := range old {
		if s.shrink(name) == nil && s.disk.Missing() == 0 {
			return
		}
	}
}

// oldest returns the logs of ended executions that are worth removing, oldest first.
func (s *Store) oldest(live map[string]bool) []string {
	type old struct {
		name    string
		written time.Time
	}
	var all []old
	entries, _ := os.ReadDir(s.dir) // on an error, the entries before it
	for _, entry := range entries {
		name, isLog := strings.CutSuffix(entry.Name(), ".log")
		info, err := entry.Info()
		if isLog && err == nil && !live[name] && info.Size() > smallLog {
			all = append(all, old{name, info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b old) int {
		return cmp.Or(a.written.Compare(b.written), strings.Compare(a.name, b.name))
	})
	names := make([]string, len(all))
	for i, o := range all {
		names[i] = o.name
	}
	return names
}

// shrink replaces an execution's output by a notice. It overwrites the file, because a new
// one would need room.
func (s *Store) shrink(execution string) error {
	l := s.acquire(execution)
	defer s.release(l)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deleted {
		return nil
	}
	info, err := os.Stat(s.path(execution))
	if err != nil {
		return err
	}
	if err := errors.Join(s.forget(l), remove(s.indexPath(execution))); err != nil {
		return err
	}
	notice := record{time: info.ModTime().UnixNano(), kind: lost, level: Warning, text: []byte(goneText)}.encode(nil)
	if err := overwrite(s.path(execution), notice, info.ModTime()); err != nil {
		return err
	}
	l.known, l.index, l.saved = false, index{}, 0
	return nil
}

// overwrite replaces the content of a file and keeps its time.
func overwrite(path string, content []byte, modified time.Time) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(content, 0)
	return errors.Join(err, file.Truncate(int64(len(content))), file.Close(), os.Chtimes(path, modified, modified))
}

// append writes records. If the disk is almost full, it drops them, and everything that the
// attempt writes later, so that the log has the beginning of the output without gaps.
func (w *Writer) append(records []record) error {
	w.losing.Lock()
	isLost := w.lost
	w.losing.Unlock()
	if isLost {
		return nil
	}
	for range 2 { // the disk may become full between a look at it and the write
		if !w.log.store.hasRoom() {
			break
		}
		err := descriptor.Retry(descriptorPatience, func() error { return w.log.append(records...) })
		if !disk.Full(err) {
			return err
		}
		w.log.store.MakeRoom()
	}
	w.losing.Lock()
	w.lost = true
	w.losing.Unlock()
	_ = w.tellLoss() // there may be room when the attempt ends
	return nil
}

// tellLoss adds the notice that output was lost, once.
func (w *Writer) tellLoss() error {
	w.losing.Lock()
	defer w.losing.Unlock()
	if !w.lost || w.told {
		return nil
	}
	err := w.log.append(record{task: w.task, attempt: w.attempt, kind: lost, level: Warning, text: []byte(lostText)})
	if err != nil {
		return fmt.Errorf("note that output was lost: %w", err)
	}
	w.told = true
	return nil
}

// lose makes the writer drop everything from now on. There is a notice only if it has dropped output
// before.
func (w *Writer) lose() {
	w.losing.Lock()
	defer w.losing.Unlock()
	w.told = w.told || !w.lost
	w.lost = true
}

// lost reports whether the entry is the notice that output was lost. No line of a task has
// a level.
func (e *Entry) lost() bool { return e.Stream == Stdout && e.Level == Warning }
