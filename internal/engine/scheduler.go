package engine

import (
	"slices"
	"sync"
)

// scheduler decides which task gets the next free place. It fills at most the places of
// this machine, runs at most its parallelism of each execution, and takes turns between
// executions, so that a large one does not hold up a small one. Nothing here is on disk:
// at the start, it follows from the states of the tasks. attempt.go shows the way of a
// task through it.
type scheduler struct {
	launch func(turn) // runs a task that has a place
	places int        // on this machine

	mu     sync.Mutex
	free   int       // places left on this machine
	turns  []*active // executions with a task that waits and that they may run now
	closed bool
}

// placement is one placing of one attempt of a task.
type placement struct {
	task, attempt, incarnation int
	// claimed is true if the task is in state running on disk, for this placement.
	claimed bool
	// resume is true if an earlier process claimed the task and may have placed it.
	resume bool
	// losses is how often in a row this process has lost the attempt, with its Pod or machine.
	losses int
}

// turn is a placement that has a place.
type turn struct {
	active *active
	placement
}

func newScheduler(places int, launch func(turn)) *scheduler {
	return &scheduler{launch: launch, places: places, free: places}
}

// used returns how many places are taken.
func (s *scheduler) used() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.places - s.free
}

// reserve takes up to n places for an execution that is about to be added, and none
// while others wait for their turn.
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

// occupy takes n places, even if there are fewer: for tasks that run already.
func (s *scheduler) occupy(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free -= n
}

// release gives back reserved places that are not needed.
func (s *scheduler) release(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free += n
	s.fill()
}

// add runs the placements of an execution that already have a place, and queues its other
// tasks.
func (s *scheduler) add(a *active, placed ...placement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	for _, p := range placed {
		s.launch(turn{a, p})
	}
	s.queue(a)
	s.fill()
}

// successor chooses the placement that gets the place of a task of a that has ended, or
// nil if none waits. The caller runs it, or calls putBack.
func (s *scheduler) successor(a *active) *turn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.free < 0 { // more tasks run than there are places: see occupy
		return nil
	}
	if t := s.next(); t != nil {
		return t
	}
	return a.take() // it may run no more tasks, but one in that place
}

// putBack queues a successor again because it could not be claimed: its execution is
// stopped or has ended, or the disk refuses.
func (s *scheduler) putBack(t *turn) {
	if t == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := t.active
	a.running--
	if a.ctx.Err() == nil {
		a.again = slices.Insert(a.again, 0, t.placement)
		s.queue(a)
	}
}

// leave is called when a task of an execution has ended. Its place goes to the successor,
// or is free. again is the next placement of the same task, if there is one.
func (s *scheduler) leave(a *active, again *placement, successor *turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if successor == nil {
		s.free++
	}
	a.running--
	if again != nil && a.ctx.Err() == nil {
		a.again = append(a.again, *again)
	}
	s.queue(a)
	s.fill()
}

// stop ends the running tasks of an execution, and drops its waiting ones.
func (s *scheduler) stop(a *active) { s.drop(a, errStopped) }

// forget drops an execution that has ended.
func (s *scheduler) forget(a *active) { s.drop(a, nil) }

func (s *scheduler) drop(a *active, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.again, a.fresh = nil, a.tasksIn
	a.cancel(why)
}

// close makes the scheduler place nothing any more.
func (s *scheduler) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// queue lets an execution take its turn, if it has a waiting task and may run one more.
func (s *scheduler) queue(a *active) {
	if a.queued || !a.waits() || a.running >= a.width {
		return
	}
	a.queued = true
	s.turns = append(s.turns, a)
}

// fill runs waiting tasks while there are places.
func (s *scheduler) fill() {
	for s.free > 0 && !s.closed {
		t := s.next()
		if t == nil {
			return
		}
		s.free--
		s.launch(*t)
	}
}

// next takes the placement whose turn it is, or returns nil if none waits.
func (s *scheduler) next() *turn {
	for len(s.turns) > 0 {
		a := s.turns[0]
		s.turns = slices.Delete(s.turns, 0, 1)
		a.queued = false
		if t := a.take(); t != nil {
			s.queue(a)
			return t
		} // or it was stopped meanwhile
	}
	return nil
}

// wait makes the tasks of a new execution wait, except for the first ones, which are
// claimed. An execution without tasks waits for the turn at which it fails.
func (a *active) wait(claimed int) {
	a.fresh, a.tasksIn, a.running = claimed, a.row.counts.tasks, claimed
	if a.tasksIn == 0 {
		a.again = []placement{{task: noTask}}
	}
}

// waits reports whether a placement of the execution waits.
func (a *active) waits() bool { return a.fresh < a.tasksIn || len(a.again) > 0 }

// take takes the execution's next placement, or returns nil if none waits.
func (a *active) take() *turn {
	if !a.waits() {
		return nil
	}
	t := &turn{active: a, placement: placement{task: a.fresh}}
	if a.fresh < a.tasksIn {
		a.fresh++
	} else {
		t.placement, a.again = a.again[0], a.again[1:]
	}
	a.running++
	return t
}
