package kubernetes

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"strings"
	"time"
)

// logRecord is a file that says where lines of the output are in the log of a container,
// for the process that adopts the container. That process knows how many lines are
// written, but not which ones of the log these are, because the node removes the oldest
// lines. With the file it finds a line that it knows, and counts from there.
//
// The file is made before the first line is written, so that without it nothing is. It
// has the position before that line, and the last two of the later positions, which are
// written at most every recordPause. Each has a checksum, because a crash of the machine
// may leave half of one.
type logRecord struct {
	file *os.File
	turn int       // the slot that is written next
	next time.Time // not before it
}

const (
	slotSize    = 160 // bytes
	slots       = 3   // the first position, and two later ones
	recordPause = time.Second
)

// readLogRecord returns the positions that a file has. There are none if it does not
// exist.
func readLogRecord(path string) (all []position, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for ; len(b) > 0; b = b[min(len(b), slotSize):] {
		if p, ok := parseSlot(string(b[:min(len(b), slotSize)])); ok {
			all = append(all, p)
		}
	}
	return all, err
}

// newLogRecord makes the file, with the position before the first line. It is on disk
// when newLogRecord returns.
func newLogRecord(path string, first position) (*logRecord, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	r := &logRecord{file: f}
	if info, err := f.Stat(); err == nil && info.Size() > 0 {
		r.turn = 1
		return r, nil // an earlier process made it
	}
	if err = r.write(first); err == nil {
		err = f.Sync()
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return r, nil
}

// keep writes a position if the last one is old enough.
func (r *logRecord) keep(p position, now time.Time) error {
	if now.Before(r.next) {
		return nil
	}
	r.next = now.Add(recordPause)
	return r.write(p)
}

// write writes a position to the slot whose turn it is. The first slot is written once.
func (r *logRecord) write(p position) error {
	_, err := r.file.WriteAt([]byte(formatSlot(p)), int64(r.turn)*slotSize)
	r.turn = r.turn%(slots-1) + 1
	return err
}

func (r *logRecord) close() { _ = r.file.Close() } // nothing is buffered

func formatSlot(p position) string {
	text := fmt.Sprintf("%d %d %d %d %x %d %d", p.lines, p.bytes, p.first, p.last.at, p.last.sum, p.nth, p.ahead)
	return fmt.Sprintf("%-*s %08x\n", slotSize-10, text, crc32.ChecksumIEEE([]byte(text)))
}

func parseSlot(s string) (p position, ok bool) {
	if len(s) != slotSize {
		return p, false
	}
	text := strings.TrimRight(s[:slotSize-10], " ")
	_, err := fmt.Sscanf(text, "%d %d %d %d %x %d %d", &p.lines, &p.bytes, &p.first, &p.last.at, &p.last.sum, &p.nth, &p.ahead)
	return p, err == nil && formatSlot(p) == s
}
