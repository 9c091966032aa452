package tasklog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// manyBlocks that are not stored are worth storing by who only reads: a crash, or an
// older version, has left them.
const manyBlocks = 16

// measure finds out what is in the file: from its stored index, and by reading what
// is behind that. A file that is not there is empty. The caller has locked l.
func (l *log) measure(file *os.File) error {
	if l.known {
		return nil
	}
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("read output: %w", err)
	}
	stored, err := os.ReadFile(l.store.indexPath(l.name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read index of output: %w", err)
	}
	x := decodeIndex(stored, info.Size())
	saved := len(x.blocks)
	if err := x.scan(io.NewSectionReader(file, x.size(), info.Size()-x.size())); err != nil {
		return fmt.Errorf("read output: %w", err)
	}
	l.index, l.saved, l.known, l.cut = x, saved, true, x.cut()
	return nil
}

// scan counts in the records behind the end, up to one that is not whole.
func (x *index) scan(behind *io.SectionReader) error {
	buf := make([]byte, min(behind.Size(), 2*maxRecord))
	for have, left := 0, behind.Size(); ; {
		n, err := io.ReadFull(behind, buf[have:have+int(min(left, int64(len(buf)-have)))])
		if err != nil {
			return err
		}
		have, left = have+n, left-int64(n)
		rest := buf[:have]
		for len(rest) >= maxRecord || left == 0 && len(rest) > 0 {
			var r record
			size, err := r.parse(rest)
			if errors.Is(err, errTorn) || r.time < x.open.last {
				return nil
			}
			x.add(r, size)
			rest = rest[size:]
		}
		if left == 0 {
			return nil
		}
		have = copy(buf, rest)
	}
}

// saveIndex stores the blocks that are new, of those bytes that are on disk for
// certain. What is not stored is found again by reading, so that an error is none.
// The caller has locked l.
func (l *log) saveIndex(size int64) {
	n := l.saved
	var data []byte
	for ; n < len(l.index.blocks) && l.index.blocks[n].end <= size; n++ {
		data = l.index.blocks[n].encode(data)
	}
	if len(data) == 0 || l.deleted {
		return
	}
	file, err := os.OpenFile(l.store.indexPath(l.name), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer file.Close()
	if _, err = file.WriteAt(data, int64(l.saved)*blockBytes); err == nil {
		l.saved = n
	}
}

// look returns the index of the file as it is now, whether somebody writes it or
// not. It is the caller's to read.
func (l *log) look() (index, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deleted || l.known {
		return l.index, nil
	}
	file, err := os.Open(l.store.path(l.name))
	if errors.Is(err, fs.ErrNotExist) {
		return index{}, nil
	}
	if err != nil {
		return index{}, fmt.Errorf("read output: %w", err)
	}
	defer file.Close()
	if err := l.measure(file); err != nil {
		return index{}, err
	}
	if len(l.index.blocks) >= l.saved+manyBlocks && file.Sync() == nil {
		l.saveIndex(l.index.size())
	}
	return l.index, nil
}
