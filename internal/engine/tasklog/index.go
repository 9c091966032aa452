package tasklog

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// blockSize is how much of a file one block of its index takes, at least: whole
// writes, so that a long one makes it longer. It is what the reader of a pipe writes
// at once, so that the blocks of tasks that print much are theirs alone.
const blockSize = 32 << 10

// block says what is in a stretch of a file, so that who looks for one task or one
// time need not read all of it.
type block struct {
	end   int64 // where the next block begins
	last  int64 // time of its last record
	kinds kind
	tasks taskSet
}

// taskSet is the tasks of a block. It may hold a task too many, never one too few.
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

// index is the blocks of a file, and what is behind the last of them.
type index struct {
	blocks []block // never changed, only added to
	open   block   // not full yet; its end is the end of the file
}

func (x *index) size() int64 { return x.open.end }

// start is where a block begins.
func (x *index) start(i int) int64 {
	if i == 0 {
		return 0
	}
	return x.blocks[i-1].end
}

// add counts in what was written behind the end.
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

// cut reports whether the file has the record that says that the rest was not kept.
func (x *index) cut() bool {
	return x.open.kinds&cut != 0 || slices.ContainsFunc(x.blocks, func(b block) bool { return b.kinds&cut != 0 })
}

// all are the blocks, the open one included where there is something in it.
func (x *index) all() []block {
	if x.size() == x.start(len(x.blocks)) {
		return x.blocks
	}
	return append(slices.Clip(x.blocks), x.open)
}

// blockBytes is the size of a stored block: six numbers, the tasks' bits and a sum.
const blockBytes = 64

// encode appends a block as it is stored.
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
	b.last = int64(binary.LittleEndian.Uint64(data[8:]))
	b.kinds = kind(binary.LittleEndian.Uint32(data[16:]))
	b.tasks.min = binary.LittleEndian.Uint32(data[20:])
	b.tasks.max = binary.LittleEndian.Uint32(data[24:])
	for i := range b.tasks.bits {
		b.tasks.bits[i] = binary.LittleEndian.Uint64(data[28+8*i:])
	}
	return true
}

// decodeIndex reads stored blocks as far as they are whole and within the size of
// the file that they tell of.
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
