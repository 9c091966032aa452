package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/tasklog"
)

// world contains simulated processes, which survive engines. It is a fake, because the tests
// run thousands of interleavings in fake time, which is impossible with real processes.
// runnertest checks the same contract for real runners.
type world struct {
	mu        sync.Mutex
	live      map[runner.ID]*proc
	breaches  []string // violated invariants
	stubborn  float64  // share of processes that ignore SIGTERM
	everStart int
}

// proc is a simulated process.
type proc struct {
	began    time.Time
	ended    chan struct{}
	result   runner.Result
	stubborn bool
}

func newWorld(stubborn float64) *world {
	return &world{live: map[runner.ID]*proc{}, stubborn: stubborn}
}

// start starts a process. It records a breach if another attempt of the same task still runs,
// or if all places are taken.
func (w *world) start(id runner.ID, random *rand.Rand, places int) *proc {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p, ok := w.live[id]; ok {
		return p
	}
	for other := range w.live {
		if other.Execution == id.Execution && other.Task == id.Task {
			w.breach("%v runs beside %v", id, other)
		}
	}
	if len(w.live) >= places {
		w.breach("%v is started beside %d others, in %d places", id, len(w.live), places)
	}
	p := &proc{began: time.Now(), ended: make(chan struct{}), stubborn: random.Float64() < w.stubborn}
	w.live[id] = p
	w.everStart++
	return p
}

// breach records a violated invariant. The caller must hold the world's lock.
func (w *world) breach(format string, args ...any) {
	w.breaches = append(w.breaches, fmt.Sprintf(format, args...))
}

// adopt returns a process that an earlier life started, if it still runs.
func (w *world) adopt(id runner.ID) (*proc, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, ok := w.live[id]
	return p, ok
}

// end ends a process, if it still runs.
func (w *world) end(id runner.ID, result runner.Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p, ok := w.live[id]; ok {
		p.result = result
		close(p.ended)
		delete(w.live, id)
	}
}

// ids returns the IDs of the running processes, in an order that depends only on the seed.
func (w *world) ids() []runner.ID {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []runner.ID
	for id := range w.live {
		all = append(all, id)
	}
	slices.SortFunc(all, func(a, b runner.ID) int { return compareIDs(a, b) })
	return all
}

func compareIDs(a, b runner.ID) int {
	switch {
	case a.String() < b.String():
		return -1
	case a.String() > b.String():
		return 1
	}
	return 0
}

// life is the runner of one life of an engine. Once it is dead, as after kill -9, it does
// nothing; the processes continue.
type life struct {
	*world
	random *rand.Rand
	places int  // maximum concurrent tasks of its engine
	adopts bool // adopts processes of an earlier life instead of ending them

	mu   sync.Mutex
	mine map[runner.ID]*proc
	died chan struct{} // closed by kill
}

var errDead = errors.New("this life is over")

func (l *life) kill() {
	l.mu.Lock() // wait for a running Start
	defer l.mu.Unlock()
	close(l.died)
}

func (l *life) dead() bool {
	select {
	case <-l.died:
		return true
	default:
		return false
	}
}

func (l *life) String() string { return "a life" }

func (l *life) Capabilities(*runpb.TaskTemplate) runner.Capabilities { return runner.Capabilities{} }

func (l *life) Check(*runpb.TaskTemplate) error { return nil }

func (l *life) Prepare(context.Context, *runpb.TaskTemplate) error { return nil }

func (l *life) Release(runner.ID) {}

func (l *life) Waiting(runner.ID) string { return "" }

func (l *life) Detach(context.Context, runner.ID) error { return errors.ErrUnsupported }

func (l *life) Running(_ context.Context, id runner.ID) (time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p, ok := l.mine[id]; ok {
		return p.began, nil
	}
	return time.Time{}, runner.ErrLost
}

func (l *life) Start(ctx context.Context, spec runner.Spec, _ runner.Output) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case l.dead():
		return errDead
	case spec.Resume:
		return nil // Wait ends it, because this life does not adopt
	}
	switch l.random.IntN(20) {
	case 0:
		return errors.New("no such command")
	case 1:
		return runwith.Errorf(runwith.Unavailable, "the machine has no room now")
	}
	l.mine[spec.ID] = l.start(spec.ID, l.random, l.places)
	return nil
}

func (l *life) Wait(ctx context.Context, id runner.ID) (runner.Result, error) {
	l.mu.Lock()
	p, ok := l.mine[id]
	if !ok && l.adopts {
		if p, ok = l.adopt(id); ok {
			l.mine[id] = p
		}
	}
	l.mu.Unlock()
	if !ok {
		if l.dead() {
			return runner.Result{}, errDead
		}
		l.end(id, runner.Result{Signal: 9})
		return runner.Result{}, runner.ErrLost
	}
	select {
	case <-p.ended:
	case <-l.died:
	case <-ctx.Done():
		return runner.Result{}, ctx.Err()
	}
	if l.dead() {
		return runner.Result{}, errDead
	}
	return p.result, nil
}

func (l *life) Stop(ctx context.Context, id runner.ID, grace time.Duration) error {
	if l.dead() {
		return errDead
	}
	l.mu.Lock()
	p, ok := l.mine[id]
	l.mu.Unlock()
	if ok && p.stubborn {
		select {
		case <-time.After(grace):
		case <-p.ended:
			return nil
		case <-l.died:
		}
		if l.dead() {
			return errDead
		}
		l.end(id, runner.Result{Signal: 9})
		return nil
	}
	l.end(id, runner.Result{}) // ends with exit code 0, which must not count as success
	return nil
}

func (l *life) List(context.Context) ([]runner.ID, error) { return l.ids(), nil }

// openLogs opens the task log of a data folder. These tests are in the package itself, so they
// cannot use enginetest.
func openLogs(t testing.TB, dir string) *tasklog.Store {
	t.Helper()
	logs, err := tasklog.Open(filepath.Join(dir, "logs"), tasklog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return logs
}
