package tasklog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"os"
	"slices"
	"sort"
	"time"
)

// Query selects what to read. The zero value selects everything.
type Query struct {
	// After and Before leave out the stored entries whose Pos is not between them. 0 is
	// no limit.
	After, Before int64
	// Since and Until leave out the entries before the one or after the other. The zero
	// time is no limit.
	Since, Until time.Time
	// Tasks are the tasks whose entries are read; none selects all.
	Tasks []int
	// Streams are the streams that are read; none selects all.
	Streams []Stream
	// Reverse begins with the newest entry.
	Reverse bool
}

// Has reports whether the query selects a stream.
func (q *Query) Has(s Stream) bool { return len(q.Streams) == 0 || slices.Contains(q.Streams, s) }

func (q *Query) hasTask(task int) bool {
	return len(q.Tasks) == 0 || slices.Contains(q.Tasks, task)
}

// Nanos returns Since and Until in Unix nanoseconds. Times that these cannot express
// become the earliest or latest one.
func (q *Query) Nanos() (since, until int64) {
	if q.Until.IsZero() {
		return nanos(q.Since), math.MaxInt64
	}
	return nanos(q.Since), nanos(q.Until)
}

// Read yields the stored entries of an execution in the order of their writing, or in
// reverse. A missing log is empty. The caller owns the entries' texts.
func (s *Store) Read(ctx context.Context, execution string, q Query) iter.Seq2[Entry, error] {
	return s.Reader(execution, q).All(ctx)
}

// All yields the entries that Next would return.
func (r *Reader) All(ctx context.Context) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for {
			batch, err := r.Next(ctx)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, e := range batch.Entries {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// Reader reads an execution's log piece by piece. It keeps no file open. Only one
// goroutine may use it.
type Reader struct {
	store     *Store
	execution string
	query     Query
	kinds     kind
	since     int64 // the times of the query, in Unix nanoseconds
	until     int64
	opened    bool
	blocks    []block
	next      int // index of the block to read
	buf       []byte

	derived    []Entry             // not returned yet, in the reader's order
	superseded map[attemptKey]bool // attempts whose stored entries of System are left out
}

// Batch is a piece of an execution's log.
type Batch struct {
	// Entries are those that the query selects, in its order. There may be none.
	Entries []Entry
	// Reached is how far the reader has come: no later entry is older, or in reverse
	// newer.
	Reached time.Time
	// Size is how many bytes of the file were read.
	Size int64
}

// Reader returns a reader of an execution's log as it is when Next is first called.
func (s *Store) Reader(execution string, q Query) *Reader {
	r := &Reader{store: s, execution: execution, query: q}
	r.since, r.until = q.Nanos()
	for _, k := range kinds {
		if q.Has(k.stream) {
			r.kinds |= k.kind
		}
	}
	return r
}

// nanos is a time in Unix nanoseconds. Times beyond the range become its ends.
func nanos(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, 0)):
		return 0
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// pieceSize is the size up to which adjacent blocks are read at once.
const pieceSize = 64 << 10

// Next reads a piece, of about 64 KiB or one long write. It skips pieces in which the
// query selects nothing. At the end it returns io.EOF.
func (r *Reader) Next(ctx context.Context) (Batch, error) {
	batch, err := r.nextStored(ctx)
	switch {
	case errors.Is(err, io.EOF) && len(r.derived) > 0:
		return r.restDerived(), nil
	case err != nil:
		return Batch{}, err
	}
	r.mergeDerived(&batch)
	return batch, nil
}

func (r *Reader) nextStored(ctx context.Context) (Batch, error) {
	if err := r.open(); err != nil {
		return Batch{}, err
	}
	for r.more() && !r.wanted(r.next) {
		r.step()
	}
	if !r.more() {
		return Batch{}, io.EOF
	}
	if err := ctx.Err(); err != nil {
		return Batch{}, err
	}
	first, last := r.next, r.next
	for r.step(); r.more() && r.wanted(r.next) && r.blocks[last].end-r.start(first) < pieceSize; r.step() {
		first, last = min(first, r.next), max(last, r.next)
	}
	return r.read(first, last)
}

// more reports whether the query may select something in the next block or behind it.
func (r *Reader) more() bool { return 0 <= r.next && r.next < len(r.blocks) && !r.beyond(r.next) }

// wanted reports whether a block may have entries of the query's tasks and streams.
func (r *Reader) wanted(i int) bool {
	b := &r.blocks[i]
	return b.kinds&r.kinds != 0 && b.tasks.hasAny(r.query.Tasks)
}

func (r *Reader) step() {
	if r.query.Reverse {
		r.next--
	} else {
		r.next++
	}
}

// open finds the first block in which the query may select something.
func (r *Reader) open() error {
	if r.opened {
		return nil
	}
	if !validName(r.execution) {
		return fmt.Errorf("read output: %q is no name of an execution's log", r.execution)
	}
	l := r.store.acquire(r.execution)
	x, err := l.look()
	r.store.release(l)
	if err != nil {
		return err
	}
	r.opened, r.blocks = true, x.all()
	q := r.query
	if q.Before > 0 && q.Before <= q.After+1 { // no place is between them
		r.blocks = nil
	}
	if q.Reverse {
		// No block from the first that begins too late is read.
		r.next = sort.Search(len(r.blocks), func(i int) bool {
			return q.Before > 0 && r.start(i) >= q.Before || r.begins(i) > r.until
		}) - 1
		return nil
	}
	r.next = sort.Search(len(r.blocks), func(i int) bool {
		return r.blocks[i].end > q.After && r.blocks[i].last >= r.since
	})
	return nil
}

func (r *Reader) start(i int) int64 {
	if i == 0 {
		return 0
	}
	return r.blocks[i-1].end
}

// begins returns a time that precedes all records of a block, or is that of the first.
func (r *Reader) begins(i int) int64 {
	if i == 0 {
		return 0
	}
	return r.blocks[i-1].last
}

// beyond reports whether the query selects nothing in a block and behind it.
func (r *Reader) beyond(i int) bool {
	q := r.query
	if q.Reverse {
		return r.blocks[i].end <= q.After || r.blocks[i].last < r.since
	}
	return q.Before > 0 && r.start(i) >= q.Before || r.begins(i) > r.until
}

// read reads adjacent blocks.
func (r *Reader) read(first, last int) (Batch, error) {
	begin, end := r.start(first), r.blocks[last].end
	batch := Batch{Size: end - begin, Reached: time.Unix(0, r.blocks[last].last).UTC()}
	if r.query.Reverse {
		batch.Reached = time.Unix(0, r.begins(first)).UTC()
	}
	data, err := r.bytes(begin, end)
	if errors.Is(err, fs.ErrNotExist) {
		return Batch{}, io.EOF // deleted meanwhile
	}
	if err != nil {
		return Batch{}, fmt.Errorf("read output: %w", err)
	}
	for pos := begin; pos < end; {
		var rec record
		size, err := rec.parse(data[pos-begin:])
		if err != nil {
			return Batch{}, fmt.Errorf("read output of %s at byte %d: %w", r.execution, pos, err)
		}
		pos += int64(size)
		if r.wants(&rec, pos) {
			if batch.Entries == nil {
				batch.Entries = make([]Entry, 0, int(end-pos)/size+1) // enough if all have the same length
			}
			batch.Entries = append(batch.Entries, rec.entry(pos))
		}
	}
	if len(batch.Entries) > 0 {
		r.buf = nil // the caller owns it now
	}
	if r.query.Reverse {
		slices.Reverse(batch.Entries)
	}
	return batch, nil
}

func (r *Reader) bytes(begin, end int64) ([]byte, error) {
	file, err := os.Open(r.store.path(r.execution))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r.buf = slices.Grow(r.buf[:0], int(end-begin))[:end-begin]
	_, err = file.ReadAt(r.buf, begin)
	return r.buf, err
}

func (r *Reader) wants(rec *record, pos int64) bool {
	q := &r.query
	return rec.kind&r.kinds != 0 && pos > q.After && (q.Before == 0 || pos < q.Before) &&
		q.hasTask(rec.task) && r.since <= rec.time && rec.time <= r.until &&
		!(rec.kind == system && r.superseded[attemptKey{rec.task, rec.attempt}])
}
