package engine

import (
	"sync"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
)

// starting has the attempts that are placed and do not run yet. Their tasks are in state
// running: they have a place, and may run any moment. The zero value is ready to use.
type starting struct {
	mu  sync.Mutex
	ids map[startingTask]runner.ID
}

type startingTask struct {
	execution int64
	task      int
}

func (s *starting) add(a *active, id runner.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids = map[startingTask]runner.ID{}
	}
	s.ids[startingTask{a.id, id.Task}] = id
}

func (s *starting) remove(a *active, id runner.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ids, startingTask{a.id, id.Task})
}

// find returns the attempt of a task that is starting.
func (s *starting) find(execution int64, task int) (id runner.ID, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok = s.ids[startingTask{execution, task}]
	return id, ok
}

// showTask returns a task as clients see it, with the reason if its attempt waits for a
// machine.
func (e *Engine) showTask(r *taskRow) *runpb.Task {
	if id, ok := e.starting.find(r.execution.id, r.task); ok && r.state == running {
		r.waiting = runner.Waiting(e.runner, id)
	}
	return r.proto()
}
