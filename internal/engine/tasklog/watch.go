package tasklog

import (
	"slices"
	"sync"
)

// limits bound what a watch holds until somebody takes it.
type limits struct{ spans, derived int }

// A burst fits into loose. A watch whose reader waits for a slow client has tight limits,
// of about 64 KiB.
var (
	loose = limits{spans: 4096, derived: 16 << 10}
	tight = limits{spans: 256, derived: 256}
)

// Span is new in an execution's log: a stretch of its file, which [Query] reads with
// After = From and Before = To+1, and entries that are not stored.
type Span struct {
	Execution string
	Label     string // as it was given to [Store.Attempt]
	From, To  int64  // equal if nothing was stored
	Derived   []Entry
}

// Watch collects the new lines of all executions, also of those that begin
// later. It keeps no stored output, only its place, so it takes little memory. Its
// methods may be called concurrently.
type Watch struct {
	store *Store
	ready chan struct{}

	mu      sync.Mutex
	spans   map[string]*Span
	order   []*Span // the oldest first
	derived int     // entries in all spans
	missed  int
	limits  limits
}

// Watch begins to watch. The caller closes it.
func (s *Store) Watch() *Watch {
	w := &Watch{store: s, ready: make(chan struct{}, 1), spans: map[string]*Span{}, limits: loose}
	s.watching.Lock()
	defer s.watching.Unlock()
	s.watches[w] = struct{}{}
	return w
}

// Close ends the watch.
func (w *Watch) Close() {
	w.store.watching.Lock()
	defer w.store.watching.Unlock()
	delete(w.store.watches, w)
}

// Ready receives when there is something to take, once for everything since it was last
// received from.
func (w *Watch) Ready() <-chan struct{} { return w.ready }

// Take returns everything new since the last Take, one span for each execution, and the
// number of spans and derived entries that were dropped because nobody took them.
func (w *Watch) Take() (spans []Span, missed int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	missed, w.missed = w.missed, 0
	return w.takeSpans(), missed
}

func (w *Watch) takeSpans() (spans []Span) {
	for _, span := range w.order {
		slices.SortFunc(span.Derived, byTime)
		spans = append(spans, *span)
	}
	w.spans, w.order, w.derived = map[string]*Span{}, nil, 0
	return spans
}

// Return gives back what Take returned, or the rest of it, so that the next Take returns
// it again. If the reader waits for a slow client until then, the watch holds little.
func (w *Watch) Return(spans []Span, slow bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.limits = loose; slow {
		w.limits = tight
	}
	for _, span := range append(spans, w.takeSpans()...) {
		w.put(span)
	}
}

// Watched reports whether anybody watches.
func (s *Store) Watched() bool {
	s.watching.RLock()
	defer s.watching.RUnlock()
	return len(s.watches) > 0
}

// Tell passes a span to everybody who watches.
func (s *Store) Tell(new Span) {
	s.watching.RLock()
	defer s.watching.RUnlock()
	for w := range s.watches {
		w.add(new)
	}
}

func (w *Watch) add(new Span) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.put(new)
}

// put adds a span unless it is empty.
func (w *Watch) put(new Span) {
	if new.From >= new.To && len(new.Derived) == 0 {
		return
	}
	if w.derived+len(new.Derived) > w.limits.derived {
		w.missed += len(new.Derived)
		new.Derived = nil
	}
	w.derived += len(new.Derived)
	w.spanOf(new.Execution, new.Label).extend(new)
	select {
	case w.ready <- struct{}{}:
	default: // the channel is full: the reader knows already
	}
}

// spanOf returns the span of an execution, which is empty if it is new.
func (w *Watch) spanOf(execution, label string) *Span {
	if span := w.spans[execution]; span != nil {
		return span
	}
	if len(w.order) == w.limits.spans {
		oldest := w.order[0]
		delete(w.spans, oldest.Execution)
		w.order = w.order[1:]
		w.derived -= len(oldest.Derived)
		w.missed++
	}
	span := &Span{Execution: execution, Label: label}
	w.spans[execution] = span
	w.order = append(w.order, span)
	return span
}

// Behind returns the rest of a span that Take returned, behind an entry that a reader of
// the span returned.
func (s Span) Behind(e Entry) Span {
	if e.Pos < firstDerived {
		s.From = max(s.From, e.Pos)
		return s
	}
	for len(s.Derived) > 0 && byTime(s.Derived[0], e) <= 0 {
		s.Derived = s.Derived[1:]
	}
	return s
}

// extend adds new lines of the same execution.
func (s *Span) extend(new Span) {
	if new.From < new.To {
		if s.From == s.To {
			s.From = new.From
		}
		s.To = new.To
	}
	s.Derived = append(s.Derived, new.Derived...)
}
