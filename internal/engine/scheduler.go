package engine

import (
	"context"
	"errors"
	"slices"
	"sync"

	"cloud.google.com/go/run/apiv2/runpb"
)

// scheduler decides which task is placed next: at most max at once on this
// machine, at most its parallelism of each execution, and the executions by turns,
// so that a large one does not hold up a small one. Nothing here is on disk: it is
// derived from the tasks' states when the engine opens.
type scheduler struct {
	launch func(turn)

	mu     sync.Mutex
	free   int               // places left on this machine
	active map[int64]*active // by execution
	// operations are those of the active executions that were run, by name, until
	// they are deleted.
	operations map[string]*active
	turns      []*active // those that have a task to place and room for it
	closed     bool
}

// active is an execution that has not ended.
type active struct {
	id        int64
	execution *runpb.Execution // as it was created; never changed
	ctx       context.Context  //nolint:containedctx // ends when the execution is stopped
	cancel    context.CancelCauseFunc
	width     int  // how many of its tasks may run at once
	begun     bool // an earlier process has placed one of its tasks, or it has none

	operation string // that ends with it; empty for none that is in operations

	ended chan struct{} // closed when the scheduler forgets it
	// last is how it ended, set before ended is closed where its end came with that of
	// a task; nil otherwise. Who reads it takes a copy.
	last *executionRow

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

// turn is a placement whose turn has come.
type turn struct {
	active *active
	placement
}

func newScheduler(places int, launch func(turn)) *scheduler {
	return &scheduler{launch: launch, free: places, active: map[int64]*active{}, operations: map[string]*active{}}
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

// name makes a registered execution known by the operation of its run, too.
func (s *scheduler) name(a *active, operation string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.operation = operation
	s.operations[operation] = a
}

// unname undoes name.
func (s *scheduler) unname(operation string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.operations, operation)
}

// named returns the execution of a run that has not ended, or nil.
func (s *scheduler) named(operation string) *active {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.operations[operation]
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
		s.launch(turn{a, p})
	}
	s.queue(a)
	s.place()
}

// next returns the placement whose turn it is, for the place that one of a's gives
// up soon, or nil. It is to be run at once, or dropped.
func (s *scheduler) next(a *active) *turn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.free < 0 { // more than there are places: see occupy
		return nil
	}
	if t := s.pop(); t != nil {
		return t
	}
	return a.take() // it has room for no more, but for this one
}

// drop takes back a placement that gets no place now, for its execution is stopped or
// has ended, or what was to make room goes on. It returns the execution as done does.
func (s *scheduler) drop(t *turn) (idle *active) {
	if t == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := t.active
	a.running--
	if a.ctx.Err() == nil {
		a.ready = slices.Insert(a.ready, 0, t.placement)
		s.queue(a)
	}
	return s.idle(a)
}

// done gives back the place of an attempt that has ended, or passes it on to the
// next one. The task of it may have to be placed again. It returns the execution if
// that is stopped and nothing of it runs, so that nobody else will say that it has
// ended.
func (s *scheduler) done(a *active, again *placement, next *turn) (idle *active) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if next == nil {
		s.free++
	}
	a.running--
	if again != nil {
		a.ready = append(a.ready, *again)
	}
	s.queue(a)
	s.place()
	return s.idle(a)
}

// remove forgets an execution that has ended, or that was not stored after all.
func (s *scheduler) remove(a *active) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.ready = nil
	a.cancel(nil)
	if s.active[a.id] == a {
		delete(s.active, a.id)
		delete(s.operations, a.operation)
		close(a.ended)
	}
}

// find returns an execution that has not ended, or nil.
func (s *scheduler) find(execution int64) *active {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active[execution]
}

// stop ends an execution's attempts and places no more of it. It returns the
// execution as done does.
func (s *scheduler) stop(execution int64) (idle *active) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.active[execution]
	if !ok {
		return nil
	}
	a.ready = nil
	a.cancel(errStopped)
	return s.idle(a)
}

// idle returns an execution that is stopped, of which nothing runs, and that the
// scheduler was not told to forget.
func (s *scheduler) idle(a *active) *active {
	if a.running > 0 || !a.stopped() || s.active[a.id] != a {
		return nil
	}
	return a
}

func (a *active) stopped() bool { return errors.Is(context.Cause(a.ctx), errStopped) }

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
	for s.free > 0 && !s.closed {
		t := s.pop()
		if t == nil {
			return
		}
		s.free--
		s.launch(*t)
	}
}

// pop returns the placement whose turn it is, or nil where none waits.
func (s *scheduler) pop() *turn {
	for len(s.turns) > 0 {
		a := s.turns[0]
		s.turns = slices.Delete(s.turns, 0, 1)
		a.queued = false
		if t := a.take(); t != nil {
			s.queue(a)
			return t
		} // or else it was stopped meanwhile
	}
	return nil
}

// take takes the execution's next placement, or returns nil where it has none.
func (a *active) take() *turn {
	if len(a.ready) == 0 {
		return nil
	}
	t := &turn{a, a.ready[0]}
	a.ready = a.ready[1:]
	a.running++
	return t
}
