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

// Limits of one request. A request that reaches one ends with the entries found so far.
const (
	maxWork = 64 << 20 // bytes read
	maxTime = 3 * time.Second
	// openWork is the cost of opening a log, expressed in bytes read.
	openWork = 32 << 10
)

// errPause ends a request that has reached a limit before the end of the logs.
var errPause = errors.New("enough for one request")

// place is the position of an entry in the order of all entries: by time, then by log,
// then by the place in the log.
type place struct {
	Nanos, ID, Pos int64
}

func (p place) compare(other place) int {
	return cmp.Or(cmp.Compare(p.Nanos, other.Nanos), cmp.Compare(p.ID, other.ID), cmp.Compare(p.Pos, other.Pos))
}

// first and last return the places before and after all entries of a moment.
func first(nanos int64) place { return place{Nanos: nanos} }

func last(nanos int64) place { return place{nanos, math.MaxInt64, math.MaxInt64} }

// source is an open log.
type source struct {
	id     int64
	reader *tasklog.Reader
	maker  *maker
	batch  []tasklog.Entry
	// next is the place of the batch's first entry. If the batch is empty, no later
	// entry precedes next.
	next place
}

// merge reads many logs as one, in the order of time or in reverse. It opens a log when
// the order reaches it.
type merge struct {
	reverse bool
	after   place // only later entries are returned; zero returns all
	waiting []engine.LogSource
	open    func(context.Context, engine.LogSource) (*source, error)

	sources  []*source // a heap, by next
	work     int64
	deadline time.Time // zero removes both limits
}

// clockSlack is the largest step back of this machine's clock, between the creation of
// an execution and its first line, that keeps the lines in order.
const clockSlack = time.Second

// bound returns a place that no entry of a waiting log precedes, in the order of the
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

// line is a line of a log before it becomes an entry.
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

// openDue opens the waiting logs that may have an entry before those of the open ones.
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

// settle gives the first log of the heap its remaining batch, or the place that it has
// reached if the batch is empty, and restores the heap's order.
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

// exhausted reports whether a limit is reached. It is false until the merge has passed
// its beginning, so that each request makes progress.
func (m *merge) exhausted() bool {
	return !m.deadline.IsZero() && (m.work > maxWork || time.Now().After(m.deadline)) &&
		(m.after == place{} || m.compare(m.frontier(), m.after) > 0)
}

// frontier returns a place that no later line precedes.
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
