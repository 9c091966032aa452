//go:build linux || darwin

package process

import (
	"context"
	"maps"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/runwith/runwith/internal/engine/runner"
)

// sweepPause is the shortest time between two sweeps. A sweep reads the environment of
// every process, which takes milliseconds.
const sweepPause = time.Second

// sweeper kills processes that left the group of an attempt, soon after its end. A sweep
// is too expensive for each attempt, so that one serves all that ended meanwhile.
type sweeper struct {
	sweep   func(ended map[runner.ID]bool)
	closing chan struct{}
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	ended  map[runner.ID]bool // since the last sweep; nil if no goroutine runs
}

func newSweeper(sweep func(ended map[runner.ID]bool)) *sweeper {
	return &sweeper{sweep: sweep, closing: make(chan struct{})}
}

// add lets the next sweep look for processes of an attempt that has ended.
func (s *sweeper) add(id runner.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if s.ended == nil {
		s.ended = make(map[runner.ID]bool)
		s.running.Go(s.run)
	}
	s.ended[id] = true
}

// run sweeps until no attempt ended during a pause.
func (s *sweeper) run() {
	for {
		s.mu.Lock()
		ended := s.ended
		if len(ended) == 0 {
			s.ended = nil
			s.mu.Unlock()
			return
		}
		s.ended = make(map[runner.ID]bool)
		s.mu.Unlock()
		s.sweep(ended)
		select {
		case <-time.After(sweepPause):
		case <-s.closing:
		}
	}
}

// close makes the last sweep. Attempts that are added later are not swept.
func (s *sweeper) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	close(s.closing)
	s.running.Wait()
}

// sweepEnded kills processes with the marker of an ended attempt, unless the same ID
// runs again.
func (r *Runner) sweepEnded(ended map[runner.ID]bool) {
	find := func() ([]process, error) {
		found, err := r.marked()
		var left []process
		for p, value := range maps.All(found) {
			if id, ok := r.marker.id(value); ok && ended[id] && !r.running(id) {
				left = append(left, p)
			}
		}
		return left, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), sweepPause)
	defer cancel()
	if err := signalUntilGone(ctx, find, unix.SIGKILL); err != nil {
		r.log.Error("end what attempts left behind", "error", err)
	}
}

// running reports whether an attempt with the ID has not ended.
func (r *Runner) running(id runner.ID) bool {
	a, ok := r.attempts.Find(id)
	return ok && !a.Ended()
}
