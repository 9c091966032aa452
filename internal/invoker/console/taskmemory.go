package console

import (
	"slices"
	"sync"

	"github.com/runwith/runwith"
)

// keptTasks is how many executions with many tasks are remembered. One with 10,000 tasks takes
// about 2 MB.
const keptTasks = 16

// taskMemory remembers the tasks of ended executions that have many, because reading 10,000 takes
// Cloud Run ten calls. Only callers who see the invocation may be shown them.
type taskMemory struct {
	mu  sync.Mutex
	all []remembered // latest last
}

type remembered struct {
	id    string // of the invocation
	tasks tasksData
}

// of returns the tasks of an invocation; nil if they are not remembered.
func (m *taskMemory) of(i runwith.Invocation) *tasksData {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, one := range m.all {
		if one.id == i.ID {
			d := one.tasks // its own: a page sets Same
			return &d
		}
	}
	return nil
}

// keep remembers tasks that do not change any more.
func (m *taskMemory) keep(i runwith.Invocation, d *tasksData) {
	if !i.State.Terminal() || !d.Grid() || slices.ContainsFunc(d.all, func(t runwith.Task) bool { return t.State == runwith.TaskRunning || t.State == runwith.TaskPending }) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = append(m.all, remembered{i.ID, *d})
	m.all = m.all[max(0, len(m.all)-keptTasks):]
}
