package engine

import (
	"maps"
	"slices"
	"sync"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
)

// starting has the attempts that do not run yet: they are being placed, or wait for a machine.
// Their tasks are in state running: they have a place, and may run any moment. The zero value
// is ready to use.
type starting struct {
	mu  sync.Mutex
	all map[int64]map[int]startingAttempt // by execution and task
}

// startingAttempt is one of them.
type startingAttempt struct {
	id  runner.ID
	why string // it cannot be placed now; empty if it is placed, or for no known reason
}

// note adds an attempt, or changes why it cannot be placed now.
func (s *starting) note(a *active, id runner.ID, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[int64]map[int]startingAttempt{}
	}
	if s.all[a.id] == nil {
		s.all[a.id] = map[int]startingAttempt{}
	}
	s.all[a.id][id.Task] = startingAttempt{id, why}
}

func (s *starting) remove(a *active, id runner.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if delete(s.all[a.id], id.Task); len(s.all[a.id]) == 0 {
		delete(s.all, a.id)
	}
}

// find returns the attempt of a task that is starting.
func (s *starting) find(execution int64, task int) (a startingAttempt, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok = s.all[execution][task]
	return a, ok
}

// of returns the attempts of an execution that are starting.
func (s *starting) of(execution int64) []startingAttempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.AppendSeq(make([]startingAttempt, 0, len(s.all[execution])), maps.Values(s.all[execution]))
}

// whyNot returns why an attempt does not run yet; empty if it runs, or for no known reason.
func (e *Engine) whyNot(a startingAttempt) string {
	if a.why != "" {
		return a.why
	}
	return e.runner.Waiting(a.id)
}

// showTask returns a task as clients see it, with the reason if its attempt waits for a
// machine.
func (e *Engine) showTask(r *taskRow) *runpb.Task {
	if a, ok := e.starting.find(r.execution.id, r.task); ok && r.state == running {
		r.waiting = e.whyNot(a)
	}
	return r.proto()
}

// show returns an execution as clients see it: tasks whose attempts wait for a machine do not
// count as running. Callers must not change it.
func (e *Engine) show(v *version) *runpb.Execution {
	waiting := 0
	for _, a := range e.starting.of(v.id) {
		if e.whyNot(a) != "" {
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
