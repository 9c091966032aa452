package tasklog

import (
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/runwith/runwith/internal/microtime"
)

// blockSize is the smallest size of a block. A block consists of whole writes, so a long
// write makes it longer. The size is that of one read from a pipe, so that a task that
// prints much has blocks to itself.
const blockSize = 32 << 10

// block describes a stretch of a file, so that a reader of one task or one time need not
// read all of it.
type block struct {
	end   int64 // the place where the next block begins
	last  int64 // time of its last record
	kinds kind
	tasks taskSet
}

// taskSet is the set of tasks of a block. It may hold too many tasks, never too few.
type taskSet struct {
	min, max uint32
	bits     [4]uint64 // by index modulo 256
}

func (s *taskSet) add(task int) {
	n := uint32(task)
	if s.bits == [4]uint64{} {
		s.min, s.max = n, n
	}
	s.min, s.max = min(s.min, n), max(s.max, n)
	s.bits[n/64%4] |= 1 << (n % 64)
}

func (s *taskSet) has(task int) bool {
	n := uint32(task)
	return s.min <= n && n <= s.max && s.bits[n/64%4]&(1<<(n%64)) != 0
}

// hasAny reports whether one of the tasks may be in the set; none asks for any.
func (s *taskSet) hasAny(tasks []int) bool {
	return len(tasks) == 0 || slices.ContainsFunc(tasks, s.has)
}

// index describes a whole file.
type index struct {
	blocks []block // full ones; they never change
	open   block   // the last one, not full yet; its end is the end of the file
}

func (x *index) size() int64 { return x.open.end }

// start returns the place where a block begins.
func (x *index) start(i int) int64 {
	if i == 0 {
		return 0
	}
	return x.blocks[i-1].end
}

// add extends the index by a record, or several of one write, of so many bytes at the
// end of the file.
func (x *index) add(r record, size int) {
	x.open.end += int64(size)
	x.open.last = r.time
	x.open.kinds |= r.kind
	x.open.tasks.add(r.task)
	if x.open.end-x.start(len(x.blocks)) >= blockSize {
		x.push(x.open)
	}
}

func (x *index) push(b block) {
	x.blocks = append(x.blocks, b)
	x.open = block{end: b.end, last: b.last}
}

// cut reports whether the file has the record that marks the loss of later output.
func (x *index) cut() bool {
	return x.open.kinds&cut != 0 || slices.ContainsFunc(x.blocks, func(b block) bool { return b.kinds&cut != 0 })
}

// all returns the blocks, with the open one unless it is empty.
func (x *index) all() []block {
	if x.size() == x.start(len(x.blocks)) {
		return x.blocks
	}
	return append(slices.Clip(x.blocks), x.open)
}

// blockBytes is the size of a stored block: six numbers, the tasks' bits and a checksum.
const blockBytes = 64

// encode appends a block in its stored form.
func (b block) encode(buf []byte) []byte {
	begin := len(buf)
	buf = binary.LittleEndian.AppendUint64(buf, uint64(b.end))
	buf = binary.LittleEndian.AppendUint64(buf, uint64(b.last))
	buf = binary.LittleEndian.AppendUint32(buf, uint32(b.kinds))
	buf = binary.LittleEndian.AppendUint32(buf, b.tasks.min)
	buf = binary.LittleEndian.AppendUint32(buf, b.tasks.max)
	for _, bits := range b.tasks.bits {
		buf = binary.LittleEndian.AppendUint64(buf, bits)
	}
	return binary.LittleEndian.AppendUint32(buf, crc32.ChecksumIEEE(buf[begin:]))
}

func (b *block) decode(data []byte) bool {
	if len(data) < blockBytes || crc32.ChecksumIEEE(data[:blockBytes-4]) != binary.LittleEndian.Uint32(data[blockBytes-4:]) {
		return false
	}
	b.end = int64(binary.LittleEndian.Uint64(data))
	b.last = microtime.Nanos(int64(binary.LittleEndian.Uint64(data[8:]))) // as in parseHeader
	b.kinds = kind(binary.LittleEndian.Uint32(data[16:]))
	b.tasks.min = binary.LittleEndian.Uint32(data[20:])
	b.tasks.max = binary.LittleEndian.Uint32(data[24:])
	for i := range b.tasks.bits {
		b.tasks.bits[i] = binary.LittleEndian.Uint64(data[28+8*i:])
	}
	return true
}

// decodeIndex reads stored blocks, up to the first that is broken or beyond the size of
// the file.
func decodeIndex(data []byte, size int64) (x index) {
	for ; len(data) >= blockBytes; data = data[blockBytes:] {
		var b block
		if !b.decode(data) || b.end <= x.size() || b.end > size || b.last < x.open.last {
			break
		}
		x.push(b)
	}
	return x
}
