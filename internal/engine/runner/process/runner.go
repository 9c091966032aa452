//go:build linux || darwin

package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
)

// Runner is a [runner.Runner] whose attempts are process groups. It adopts
// nothing: a process's pipes die with the server, so that what an earlier server
// left is ended and reported as lost.
type Runner struct {
	config  Config
	log     *slog.Logger
	path    string // PATH of the server when it opened the Runner
	devNull *os.File
	slots   *slots
	marker  marker
	boot    string // ID of this boot of the machine
	sweeper *sweeper
	buffers buffers
	found   found

	mu       sync.Mutex
	closed   bool
	attempts map[runner.ID]*attempt
	left     map[runner.ID]leftover // of an earlier server, until a Wait or a Stop has ended it
}

// Open opens the runner over config.Dir and notes what an earlier server left
// there. The caller closes it.
func Open(config Config) (*Runner, error) {
	r, err := open(config)
	if err != nil {
		return nil, fmt.Errorf("open process runner in %s: %w", config.Dir, err)
	}
	return r, nil
}

func open(config Config) (*Runner, error) {
	// An absolute path, because it becomes a task's HOME.
	dir, err := filepath.Abs(config.Dir)
	if err != nil {
		return nil, err
	}
	r := &Runner{
		config:   config,
		log:      config.Logger,
		path:     os.Getenv("PATH"),
		attempts: make(map[runner.ID]*attempt),
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	r.sweeper = newSweeper(r.sweepEnded)
	if r.boot, err = bootID(); err != nil {
		return nil, fmt.Errorf("read boot ID: %w", err)
	}
	if r.devNull, err = os.Open(os.DevNull); err != nil {
		return nil, err
	}
	if err := r.openDir(dir); err != nil {
		return nil, errors.Join(err, r.closeFiles())
	}
	return r, nil
}

// openDir reads what an earlier server wrote down, and removes what is of no use.
func (r *Runner) openDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var err error
	if r.marker, err = openMarker(dir); err != nil {
		return err
	}
	var records map[int]record
	if r.slots, records, err = openSlots(dir); err != nil {
		return err
	}
	if r.left, err = r.leftovers(records); err != nil {
		return err
	}
	keep := make(map[int]bool)
	for _, left := range r.left {
		keep[left.slot] = true
	}
	return r.slots.prune(keep)
}

// Close waits for what attempts that have ended still write, and takes no more.
// It ends nothing: an attempt that still runs loses its output, and is found as
// lost by the next Open. Stop the attempts first.
func (r *Runner) Close() error {
	r.mu.Lock()
	closed := r.closed
	r.closed = true
	attempts := slices.Collect(maps.Values(r.attempts))
	r.mu.Unlock()
	if closed {
		return nil
	}
	for _, a := range attempts {
		<-a.started
		select {
		case <-a.exited:
			<-a.done
		default:
			r.log.Warn("process runner closes while an attempt runs", "attempt", a.id.String())
		}
	}
	r.sweeper.close()
	return r.closeFiles()
}

func (r *Runner) closeFiles() error {
	if r.slots == nil {
		return r.devNull.Close()
	}
	return errors.Join(r.devNull.Close(), r.slots.close())
}

// Check implements [runner.Runner]; it looks at the template alone,
// not at whether the command is there.
func (r *Runner) Check(template *runpb.TaskTemplate) error { return r.config.check(template) }

// Start implements [runner.Runner]. An ID that an earlier server started is not
// started again: Wait tells that it is lost.
func (r *Runner) Start(ctx context.Context, spec runner.Spec, out runner.Output) error {
	if err := ctx.Err(); err != nil || spec.Resume {
		return err
	}
	a, first, err := r.claim(spec.ID)
	switch {
	case err != nil || a == nil:
		return err
	case !first:
		return a.placed(ctx)
	}
	if a.err = r.launch(a, spec, out); a.err != nil {
		r.forget(a)
		close(a.exited)
		close(a.done)
	}
	close(a.started)
	return a.err
}

// claim returns the attempt of an ID and whether it is new, or none when an
// earlier server has started it.
func (r *Runner) claim(id runner.ID) (a *attempt, first bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, false, runwith.Errorf(runwith.Unavailable, "the server is stopping and starts no more tasks; try again")
	}
	if _, ok := r.left[id]; ok {
		return nil, false, nil
	}
	if a := r.attempts[id]; a != nil {
		return a, false, nil
	}
	a = newAttempt(id)
	r.attempts[id] = a
	return a, true, nil
}

func (r *Runner) attempt(id runner.ID) *attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.attempts[id]
}

func (r *Runner) forget(a *attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.attempts[a.id] == a {
		delete(r.attempts, a.id)
	}
}

// Wait implements [runner.Runner].
func (r *Runner) Wait(ctx context.Context, id runner.ID) (runner.Result, error) {
	a := r.attempt(id)
	if a == nil {
		if err := r.endLeftover(ctx, id, 0); err != nil {
			return runner.Result{}, err
		}
		return runner.Result{}, runner.ErrLost
	}
	select {
	case <-a.done:
	case <-ctx.Done():
		return runner.Result{}, ctx.Err()
	}
	if a.err != nil {
		return runner.Result{}, runner.ErrLost
	}
	r.forget(a)
	return a.result, nil
}

// Stop implements [runner.Runner]. When ctx ends first, Stop returns its error,
// and the attempt has seen no more than SIGTERM.
func (r *Runner) Stop(ctx context.Context, id runner.ID, grace time.Duration) error {
	a := r.attempt(id)
	if a == nil {
		return r.endLeftover(ctx, id, grace)
	}
	if err := a.placed(ctx); err != nil {
		return ctx.Err() // an attempt that could not be placed is not there
	}
	if err := a.stop(ctx, grace); err != nil {
		return err
	}
	return r.killMarked(ctx, id)
}

// List implements [runner.Runner]. Its order is that of [runner.ID.String].
func (r *Runner) List(ctx context.Context) ([]runner.ID, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found, err := marked(string(r.marker))
	if err != nil {
		return nil, fmt.Errorf("look for processes of attempts: %w", err)
	}
	ids := make(map[runner.ID]bool)
	for value := range maps.Values(found) {
		if id, ok := r.marker.id(value); ok {
			ids[id] = true
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range r.attempts {
		ids[id] = true
	}
	for id, left := range r.left {
		if left.leader.alive() {
			ids[id] = true
		}
	}
	byName := func(a, b runner.ID) int { return strings.Compare(a.String(), b.String()) }
	return slices.SortedFunc(maps.Keys(ids), byName), nil
}
