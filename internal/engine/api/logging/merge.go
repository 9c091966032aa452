package logging

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/tasklog"
)

// What one request may do before it is answered with what it has.
const (
	maxWork = 64 << 20 // bytes that are read
	maxTime = 3 * time.Second
	// openWork is what it costs to open a log, in bytes that could be read instead.
	openWork = 32 << 10
)

// errPause says that a request has done enough work, and more is left to do.
var errPause = errors.New("enough for one request")

// place is where an entry stands in the order of all: by time, then by log, then as
// it was written.
type place struct {
	Nanos, ID, Pos int64
}

func (p place) compare(other place) int {
	return cmp.Or(cmp.Compare(p.Nanos, other.Nanos), cmp.Compare(p.ID, other.ID), cmp.Compare(p.Pos, other.Pos))
}

// first and last are the places around all entries of a moment.
func first(nanos int64) place { return place{Nanos: nanos} }

func last(nanos int64) place { return place{nanos, math.MaxInt64, math.MaxInt64} }

// source is a log that is read.
type source struct {
	id     int64
	reader *tasklog.Reader
	maker  *maker
	batch  []tasklog.Entry
	// next is the place of the first of the batch. Without one, no entry that comes
	// is before it.
	next place
}

// merge reads many logs as one, in the order of time or the other way round. Logs
// are opened when the order reaches them.
type merge struct {
	reverse bool
	after   place // where the order begins, if it is not zero
	waiting []engine.LogSource
	open    func(context.Context, engine.LogSource) (*source, error)

	sources  []*source // a heap, by next
	work     int64
	deadline time.Time // zero: there is no limit to the work either
}

// clockSlack is by how little this machine's clock may step back between an
// execution's creation and its first line and nobody sees it.
const clockSlack = time.Second

// bound is a place that no entry of a log which waits is before, in the order of the
// merge.
func (m *merge) bound(s engine.LogSource) place {
	switch {
	case !m.reverse:
		return first(s.Created.Add(-clockSlack).UnixNano())
	case s.Ended.IsZero():
		return last(math.MaxInt64)
	}
	return last(s.Ended.Add(clockSlack).UnixNano())
}

// compare compares places in the order of the merge.
func (m *merge) compare(a, b place) int {
	if m.reverse {
		return b.compare(a)
	}
	return a.compare(b)
}

// line is a line of a log on its way to become an entry.
type line struct {
	tasklog.Entry
	source *source
	at     place
}

// next returns the next line, io.EOF when there is none, or errPause.
func (m *merge) next(ctx context.Context) (line, error) {
	for {
		if err := m.openDue(ctx); err != nil {
			return line{}, err
		}
		if len(m.sources) == 0 {
			return line{}, io.EOF
		}
		s := m.sources[0]
		if len(s.batch) == 0 {
			if err := m.load(ctx, s); err != nil {
				return line{}, err
			}
			continue
		}
		l := line{s.batch[0], s, s.next}
		m.settle(s, s.batch[1:], s.next)
		if m.after == (place{}) || m.compare(l.at, m.after) > 0 {
			return l, nil
		}
	}
}

// openDue opens the logs that can have an entry before those that are in hand.
func (m *merge) openDue(ctx context.Context) error {
	for len(m.waiting) > 0 {
		bound := m.bound(m.waiting[0])
		if len(m.sources) > 0 && m.compare(m.sources[0].next, bound) < 0 {
			return nil
		}
		if m.exhausted() {
			return errPause
		}
		s, err := m.open(ctx, m.waiting[0])
		m.waiting = m.waiting[1:]
		m.work += openWork
		if runwith.CodeOf(err) == runwith.NotFound {
			continue // deleted meanwhile
		}
		if err != nil {
			return err
		}
		s.next = bound
		heap.Push(m, s)
	}
	return nil
}

// load reads the next piece of the first log.
func (m *merge) load(ctx context.Context, s *source) error {
	if m.exhausted() {
		return errPause
	}
	batch, err := s.reader.Next(ctx)
	if errors.Is(err, io.EOF) {
		heap.Remove(m, 0)
		return nil
	}
	if err != nil {
		return err
	}
	m.work += batch.Size
	reached := first(batch.Reached.UnixNano())
	if m.reverse {
		reached = last(batch.Reached.UnixNano())
	}
	m.settle(s, batch.Entries, reached)
	return nil
}

// settle puts the first log where it belongs in the heap, with what is left of its
// batch or, where that is nothing, the place that it has reached.
func (m *merge) settle(s *source, batch []tasklog.Entry, reached place) {
	s.batch = batch
	if len(batch) > 0 {
		reached = place{batch[0].Time.UnixNano(), s.id, batch[0].Pos}
	}
	if m.compare(reached, s.next) > 0 {
		s.next = reached
	}
	heap.Fix(m, 0)
}

// exhausted reports whether enough was done. It is not before the merge has got
// further than where it began.
func (m *merge) exhausted() bool {
	return !m.deadline.IsZero() && (m.work > maxWork || time.Now().After(m.deadline)) &&
		(m.after == place{} || m.compare(m.frontier(), m.after) > 0)
}

// frontier is a place that no line is before which is still to come.
func (m *merge) frontier() place {
	var places []place
	if len(m.sources) > 0 {
		places = append(places, m.sources[0].next)
	}
	if len(m.waiting) > 0 {
		places = append(places, m.bound(m.waiting[0]))
	}
	if len(places) == 0 {
		return m.after
	}
	return slices.MinFunc(places, m.compare)
}

// Len, Less, Swap, Push and Pop make a heap of the sources, as container/heap asks.
func (m *merge) Len() int { return len(m.sources) }

// Less orders the sources by their next place.
func (m *merge) Less(i, j int) bool { return m.compare(m.sources[i].next, m.sources[j].next) < 0 }

// Swap swaps two sources.
func (m *merge) Swap(i, j int) { m.sources[i], m.sources[j] = m.sources[j], m.sources[i] }

// Push adds a source.
func (m *merge) Push(x any) {
	if s, ok := x.(*source); ok {
		m.sources = append(m.sources, s)
	}
}

// Pop takes the last source.
func (m *merge) Pop() any {
	s := m.sources[len(m.sources)-1]
	m.sources = m.sources[:len(m.sources)-1]
	return s
}
