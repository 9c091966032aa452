package tasklog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// manyBlocks is the number of blocks without a stored index from which on a reader
// stores them. A crash or an older version left them so.
const manyBlocks = 16

// measure makes the index of the file: from the stored index, and by reading the rest
// of the file. The caller has locked l.
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

// scan adds the records of the rest of the file, up to the first partial one.
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

// saveIndex stores new blocks whose bytes, the first size ones of the file, are certainly
// on disk. It ignores errors, because reading the file finds unstored blocks again. The
// caller has locked l.
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

// look returns the present index of the file, which may be written meanwhile. The caller
// only reads it. A missing file has an empty index.
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
