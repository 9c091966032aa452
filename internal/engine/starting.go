package engine

import (
	"maps"
	"slices"
	"sync"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
)

// starting has the attempts that are placed and do not run yet. Their tasks are in state
// running: they have a place, and may run any moment. The zero value is ready to use.
type starting struct {
	mu  sync.Mutex
	ids map[int64]map[int]runner.ID // by execution and task
}

func (s *starting) add(a *active, id runner.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids = map[int64]map[int]runner.ID{}
	}
	if s.ids[a.id] == nil {
		s.ids[a.id] = map[int]runner.ID{}
	}
	s.ids[a.id][id.Task] = id
}

func (s *starting) remove(a *active, id runner.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if delete(s.ids[a.id], id.Task); len(s.ids[a.id]) == 0 {
		delete(s.ids, a.id)
	}
}

// find returns the attempt of a task that is starting.
func (s *starting) find(execution int64, task int) (id runner.ID, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok = s.ids[execution][task]
	return id, ok
}

// of returns the attempts of an execution that are starting.
func (s *starting) of(execution int64) []runner.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.AppendSeq(make([]runner.ID, 0, len(s.ids[execution])), maps.Values(s.ids[execution]))
}

// showTask returns a task as clients see it, with the reason if its attempt waits for a
// machine.
func (e *Engine) showTask(r *taskRow) *runpb.Task {
	if id, ok := e.starting.find(r.execution.id, r.task); ok && r.state == running {
		r.waiting = runner.Waiting(e.runner, id)
	}
	return r.proto()
}

// show returns an execution as clients see it: tasks whose attempts wait for a machine do not
// count as running. Callers must not change it.
func (e *Engine) show(v *version) *runpb.Execution {
	waiting := 0
	for _, id := range e.starting.of(v.id) {
		if runner.Waiting(e.runner, id) != "" {
			waiting++
		}
	}
	if waiting == 0 || v.state.terminal() {
		return v.message()
	}
	x := v.proto()
	x.RunningCount = int32(max(0, v.counts.running-waiting))
	return x
}
