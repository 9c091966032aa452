package engine

import (
	"slices"
	"sync"

	"cloud.google.com/go/run/apiv2/runpb"
)

// maxRecent is the maximum number of ended executions in memory. Pollers that wait for an
// end read it from there.
const maxRecent = 64

// live holds the executions that have not ended, and the last ones that ended. Reading
// them needs no read of the database. Its methods may be called concurrently.
type live struct {
	mu         sync.RWMutex
	byID       map[int64]*active
	byName     map[string]*active // committed, and not deleted
	operations map[string]liveOperation
	recent     []*active // have ended, oldest first
}

// liveOperation is an operation that is done when its execution has ended.
type liveOperation struct {
	*active
	kind operationKind
}

func newLive() *live {
	return &live{byID: map[int64]*active{}, byName: map[string]*active{}, operations: map[string]liveOperation{}}
}

// find returns an execution in memory, or nil.
func (l *live) find(id int64) *active {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.byID[id]
}

// named returns an execution in memory by its resource name, or nil. While a
// transaction creates or deletes it, only the database knows it by name.
func (l *live) named(name string) *active {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.byName[name]
}

// operation returns an operation of an execution in memory.
func (l *live) operation(name string) (liveOperation, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	o, ok := l.operations[name]
	return o, ok
}

// ofJob returns the executions of a job that are not deleted. Only a transaction that
// writes may call it.
func (l *live) ofJob(job string) (all []*active) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, a := range l.byID {
		if a.row.deleted.IsZero() && jobOf(a.execution.Name) == job {
			all = append(all, a)
		}
	}
	return all
}

// add makes a new execution known by its ID, within the transaction that stores it.
func (l *live) add(a *active) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byID[a.id] = a
}

// show makes an execution known by its name, once it is on disk.
func (l *live) show(a *active) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byName[a.execution.Name] = a
}

// hide makes an execution unknown by its name, within the transaction that deletes it.
func (l *live) hide(a *active) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byName[a.execution.Name] == a { // the name may be another execution's by now
		delete(l.byName, a.execution.Name)
	}
}

// addOperation makes an operation of an execution known, once it is on disk.
func (l *live) addOperation(name string, o liveOperation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byID[o.id] == o.active {
		l.operations[name] = o
		o.operations = append(o.operations, name)
	}
}

// removeOperation forgets an operation, within the transaction that deletes it.
func (l *live) removeOperation(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.operations, name)
}

// ended keeps an execution that has ended, and forgets the oldest one.
func (l *live) ended(a *active) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.recent = append(l.recent, a); len(l.recent) > maxRecent {
		l.forget(l.recent[0])
	}
}

// remove forgets an execution.
func (l *live) remove(a *active) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(a)
}

func (l *live) forget(a *active) {
	if i := slices.Index(l.recent, a); i >= 0 {
		l.recent = slices.Delete(l.recent, i, i+1)
	}
	for _, name := range a.operations {
		delete(l.operations, name)
	}
	if l.byID[a.id] == a {
		delete(l.byID, a.id)
	}
	if l.byName[a.execution.Name] == a {
		delete(l.byName, a.execution.Name)
	}
}

// unfinishedUIDs returns the executions that have not ended, by their unique IDs.
func (l *live) unfinishedUIDs() map[string]bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	all := map[string]bool{}
	for _, a := range l.byID {
		if !a.hasEnded() {
			all[a.execution.Uid] = true
		}
	}
	return all
}

// version is an execution as one commit left it. It never changes.
type version struct {
	*executionRow
	// message returns the execution as clients see it. Callers share it and must not
	// change it.
	message func() *runpb.Execution
}

func versionOf(row *executionRow) *version { return &version{row, sync.OnceValue(row.proto)} }
