package metrics

import (
	"maps"
	"sync"
	"sync/atomic"
)

// maxLabels is the most labels that a metric has.
const maxLabels = 2

// values are the values of a metric's labels.
type values [maxLabels]string

func valuesOf(labels []string) (v values) {
	copy(v[:], labels)
	return v
}

// series are the values of one metric, by the values of its labels. Readers never lock:
// a new label copies the map, which happens seldom because labels are bounded.
type series[T any] struct {
	made atomic.Pointer[map[values]*T]
	mu   sync.Mutex // guards changes of made
}

// at returns the value with these labels, which create makes if it is missing.
func (s *series[T]) at(v values, create func() *T) *T {
	if all := s.made.Load(); all != nil {
		if found := (*all)[v]; found != nil {
			return found
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	grown := map[values]*T{}
	if all := s.made.Load(); all != nil {
		if found := (*all)[v]; found != nil {
			return found
		}
		maps.Copy(grown, *all)
	}
	grown[v] = create()
	s.made.Store(&grown)
	return grown[v]
}

// all returns the values made so far.
func (s *series[T]) all() map[values]*T {
	if all := s.made.Load(); all != nil {
		return *all
	}
	return nil
}
