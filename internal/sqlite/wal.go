package sqlite

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
)

// The format of a WAL.
// https://www.sqlite.org/fileformat2.html#the_write_ahead_log
const (
	walHeaderSize   = 32
	frameHeaderSize = 24
	walMagic        = 0x377f0682 // the lowest bit is the byte order of the checksums
)

// inspectWAL returns an error if a WAL has lost commits. SQLite reads a WAL up to the first
// frame that is not valid. After a crash, the last commit may be incomplete there. Each commit is
// synced before the next one is written, so if two commits end behind the first bad frame,
// the frame was on disk and is damaged.
//
// If only the server crashed and not the machine, the WAL's index has the exact number of
// committed frames.
func inspectWAL(path, index string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	w := &walReader{in: bufio.NewReaderSize(file, 256<<10), lost: map[uint64]int{}}
	lost, err := w.lostCommits()
	if err == nil && (lost >= 2 || indexOf(index).exceeds(w)) {
		err = errors.New("a part of its WAL is damaged or missing")
	}
	return err
}

// walIndex is the beginning of a WAL's index. Its values never run ahead of the WAL on disk.
// https://www.sqlite.org/walformat.html#the_wal_index_file_format
type walIndex struct {
	frames, moved uint32 // committed, and of these also in the database
	salt          uint64
}

// indexOf reads an index. A missing or unfinished one has no frames.
func indexOf(path string) (x walIndex) {
	head := make([]byte, 100)
	file, err := os.Open(path)
	if err != nil {
		return x
	}
	defer file.Close()
	if _, err := io.ReadFull(file, head); err != nil || head[12] != 1 || !bytes.Equal(head[:48], head[48:96]) {
		return x
	}
	return walIndex{
		frames: binary.NativeEndian.Uint32(head[16:]), moved: binary.NativeEndian.Uint32(head[96:]),
		salt: binary.BigEndian.Uint64(head[32:]),
	}
}

// lost reports whether frames that are not in the database have no WAL at all.
func (x walIndex) lost() bool { return x.frames > x.moved }

// exceeds reports whether the WAL has fewer committed frames than its index.
func (x walIndex) exceeds(w *walReader) bool {
	if w.salt == 0 {
		return x.lost()
	}
	return x.salt == w.salt && x.frames > w.committed
}

type walReader struct {
	in    *bufio.Reader
	order binary.ByteOrder
	page  int
	salt  uint64         // of this generation of the WAL; unknown if the header is not valid
	a, b  uint32         // the running checksum
	bad   bool           // since a frame before, or the header
	lost  map[uint64]int // commits in bad frames, by salt

	frames, committed uint32 // valid ones, and of these those up to the last commit
}

// lostCommits counts the commits behind the first frame that is not valid.
func (w *walReader) lostCommits() (int, error) {
	header := make([]byte, walHeaderSize)
	if _, err := io.ReadFull(w.in, header); err != nil {
		return 0, ended(err)
	}
	w.begin(header)
	for frame := make([]byte, frameHeaderSize+w.page); ; {
		if _, err := io.ReadFull(w.in, frame); err != nil {
			return w.most(), ended(err)
		}
		salt := binary.BigEndian.Uint64(frame[8:])
		if !w.bad {
			w.bad = salt != w.salt || !w.valid(frame)
		}
		commits := binary.BigEndian.Uint32(frame[4:]) != 0
		switch {
		case w.bad && commits:
			w.lost[salt]++
		case !w.bad:
			if w.frames++; commits {
				w.committed = w.frames
			}
		}
	}
}

// most returns the number of lost commits. Frames of an earlier generation of the WAL, which
// are left at its end, count only if the header does not tell its own generation.
func (w *walReader) most() (lost int) {
	for salt, n := range w.lost {
		if salt == w.salt || w.salt == 0 {
			lost = max(lost, n)
		}
	}
	return lost
}

// ended returns nil for the end of a file.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// begin reads the header.
func (w *walReader) begin(header []byte) {
	magic := binary.BigEndian.Uint32(header)
	w.order = binary.ByteOrder(binary.LittleEndian)
	if magic&1 == 1 {
		w.order = binary.BigEndian
	}
	w.page = int(binary.BigEndian.Uint32(header[8:]))
	w.sum(header[:24])
	if magic&^1 != walMagic || w.page != pageSize || !w.sumIs(header[24:]) {
		w.bad, w.page = true, pageSize
		return
	}
	w.salt = binary.BigEndian.Uint64(header[16:])
}

// valid adds a frame to the running checksum and compares it with the frame's own.
func (w *walReader) valid(frame []byte) bool {
	w.sum(frame[:8])
	w.sum(frame[frameHeaderSize:])
	return w.sumIs(frame[16:])
}

// sum adds bytes, whose number is a multiple of 8, to the running checksum.
func (w *walReader) sum(data []byte) {
	for ; len(data) >= 8; data = data[8:] {
		w.a += w.order.Uint32(data) + w.b
		w.b += w.order.Uint32(data[4:]) + w.a
	}
}

func (w *walReader) sumIs(stored []byte) bool {
	return w.a == binary.BigEndian.Uint32(stored) && w.b == binary.BigEndian.Uint32(stored[4:])
}
