package tasklog

import "sync"

// maxSpans bounds what a watch that nobody looks at remembers.
const maxSpans = 4096

// Span is a stretch of an execution's output that was written: [Query] reads it
// with After = From and Before = To+1.
type Span struct {
	Execution string
	Label     string // as it was given to [Store.Attempt]
	From, To  int64
}

// Watch tells what is written of all executions, those that begin later included.
// It keeps no output, only where it is, in little memory whatever is written.
// Its methods may be called concurrently.
type Watch struct {
	store *Store
	ready chan struct{}

	mu     sync.Mutex
	spans  map[string]*Span
	order  []*Span // the oldest first
	missed int
}

// Watch begins to watch. The caller closes it.
func (s *Store) Watch() *Watch {
	w := &Watch{store: s, ready: make(chan struct{}, 1), spans: map[string]*Span{}}
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

// Ready receives when something was written, once for all that was since it was
// last received from.
func (w *Watch) Ready() <-chan struct{} { return w.ready }

// Take returns what was written since the last Take, one span an execution, and
// how many spans were forgotten because nobody took them.
func (w *Watch) Take() (spans []Span, missed int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, span := range w.order {
		spans = append(spans, *span)
	}
	missed = w.missed
	clear(w.spans)
	w.order, w.missed = nil, 0
	return spans, missed
}

// watched reports whether anybody watches.
func (s *Store) watched() bool {
	s.watching.RLock()
	defer s.watching.RUnlock()
	return len(s.watches) > 0
}

// publish tells those who watch of what was written.
func (s *Store) publish(written Span) {
	s.watching.RLock()
	defer s.watching.RUnlock()
	for w := range s.watches {
		w.add(written)
	}
}

func (w *Watch) add(written Span) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if span := w.spans[written.Execution]; span != nil {
		span.To = written.To
	} else {
		if len(w.order) == maxSpans {
			delete(w.spans, w.order[0].Execution)
			w.order = w.order[1:]
			w.missed++
		}
		w.spans[written.Execution] = &written
		w.order = append(w.order, &written)
	}
	select {
	case w.ready <- struct{}{}:
	default: // it has one to look at already
	}
}
