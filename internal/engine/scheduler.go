package engine

import (
	"context"
	"slices"
	"sync"

	"cloud.google.com/go/run/apiv2/runpb"
)

// scheduler decides which task is placed next: at most max at once on this
// machine, at most its parallelism of each execution, and the executions by turns,
// so that a large one does not hold up a small one. Nothing here is on disk: it is
// derived from the tasks' states when the engine opens.
type scheduler struct {
	launch func(*active, placement)

	mu     sync.Mutex
	free   int               // places left on this machine
	active map[int64]*active // by execution
	turns  []*active         // those that have a task to place and room for it
	closed bool
}

// active is an execution that has not ended.
type active struct {
	id        int64
	execution *runpb.Execution // as it was created; never changed
	ctx       context.Context  //nolint:containedctx // ends when the execution is stopped
	cancel    context.CancelCauseFunc
	width     int // how many of its tasks may run at once

	// Guarded by the scheduler.
	ready   []placement // tasks that wait to be placed, in order
	running int
	queued  bool // stands in turns
}

// placement is one placing of one attempt of a task.
type placement struct {
	task, attempt, incarnation int
	// claimed says that the task is in state running on disk, for this placement.
	claimed bool
	// resume says that an earlier process claimed it, and may have placed it.
	resume bool
}

func newScheduler(places int, launch func(*active, placement)) *scheduler {
	return &scheduler{launch: launch, free: places, active: map[int64]*active{}}
}

// reserve takes up to n places for an execution that is about to be added, and
// none while others wait for their turn.
func (s *scheduler) reserve(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.turns) > 0 {
		return 0
	}
	n = max(0, min(n, s.free))
	s.free -= n
	return n
}

// occupy takes n places, also where there are fewer: for what runs already.
func (s *scheduler) occupy(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free -= n
}

// release gives back reserved places that were not used.
func (s *scheduler) release(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free += n
	s.place()
}

// register makes an execution known, so that it can be stopped, before its tasks
// are placed: reserved is how many of them have a place already.
func (s *scheduler) register(a *active, reserved int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.running = reserved
	s.active[a.id] = a
}

// add places the tasks of a registered execution that have a place, and what else
// there is room for.
func (s *scheduler) add(a *active, reserved ...placement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	for _, p := range reserved {
		s.launch(a, p)
	}
	s.queue(a)
	s.place()
}

// done gives back the place of an attempt that has ended, after which the task may
// have to be placed again.
func (s *scheduler) done(a *active, again *placement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	a.running--
	if again != nil {
		a.ready = append(a.ready, *again)
	}
	s.queue(a)
	s.place()
}

// remove forgets an execution that has ended, or that was not stored after all.
func (s *scheduler) remove(a *active) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.ready = nil
	a.cancel(nil)
	if s.active[a.id] == a {
		delete(s.active, a.id)
	}
}

// stop ends an execution's attempts and places no more of it. It returns the
// execution if nothing of it runs, so that nobody else will say that it has ended.
func (s *scheduler) stop(execution int64) (idle *active) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.active[execution]
	if !ok {
		return nil
	}
	a.ready = nil
	a.cancel(errStopped)
	if a.running > 0 {
		return nil
	}
	return a
}

// close places nothing any more.
func (s *scheduler) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// queue lets an execution take its turn if it has a task to place.
func (s *scheduler) queue(a *active) {
	if a.queued || len(a.ready) == 0 || a.running >= a.width {
		return
	}
	a.queued = true
	s.turns = append(s.turns, a)
}

// place places tasks while there is room.
func (s *scheduler) place() {
	for s.free > 0 && len(s.turns) > 0 && !s.closed {
		a := s.turns[0]
		s.turns = slices.Delete(s.turns, 0, 1)
		a.queued = false
		if len(a.ready) == 0 {
			continue // stopped meanwhile
		}
		next := a.ready[0]
		a.ready = a.ready[1:]
		a.running++
		s.free--
		s.queue(a)
		s.launch(a, next)
	}
}
