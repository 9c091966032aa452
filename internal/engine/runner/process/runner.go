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
	"sync/atomic"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
)

// Runner is a [runner.Runner] whose attempts are process groups. It adopts nothing,
// because a process's pipes die with the server: it ends the attempts that an earlier
// server left, and reports them as lost.
type Runner struct {
	config  Config
	log     *slog.Logger
	path    string // PATH of the server when it opened the Runner
	devNull *os.File
	slots   *slots
	marker  marker
	unused  atomic.Bool // no process has the marker: it is new
	boot    string      // ID of this boot of the machine
	sweeper *sweeper
	buffers buffers
	found   found

	clockAgrees atomic.Bool // see started

	attempts runner.Registry[*attempt] // leftovers of an earlier server included
}

// Open opens the runner over config.Dir and looks for attempts that an earlier server
// left there. The caller closes it.
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
	r := &Runner{config: config, log: config.Logger, path: os.Getenv("PATH")}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	r.sweeper = newSweeper(r.sweepEnded)
	if err := closeOnExec(); err != nil {
		return nil, fmt.Errorf("keep inherited descriptors from tasks: %w", err)
	}
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

// openDir reads the records of an earlier server, and removes what nothing needs.
func (r *Runner) openDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var err error
	var isNew bool
	if r.marker, isNew, err = openMarker(dir); err != nil {
		return err
	}
	r.unused.Store(isNew)
	var records map[int]record
	if r.slots, records, err = openSlots(dir); err != nil {
		return err
	}
	leftovers, err := r.leftovers(records)
	if err != nil {
		return err
	}
	keep := make(map[int]bool)
	for id, left := range leftovers {
		keep[left.slot] = true
		a := newAttempt(id)
		a.left = &left
		a.Placed()
		if _, _, err := r.attempts.Claim(a); err != nil {
			return err
		}
	}
	return r.slots.prune(keep)
}

// String implements [runner.Runner].
func (r *Runner) String() string { return "processes of this machine" }

// Close takes no more attempts, and waits for the output of those that have ended. It
// ends nothing: an attempt that still runs loses its output, and the next Open reports
// it as lost. Stop the attempts first.
func (r *Runner) Close() error {
	if !r.attempts.Close() {
		return nil
	}
	for _, a := range r.attempts.All() {
		if a.left != nil || a.AwaitPlaced(context.Background()) != nil {
			continue
		}
		select {
		case <-a.exited:
			<-a.Done()
		default:
			r.log.Warn("process runner closes while an attempt runs", "attempt", a.ID.String())
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

// Capabilities implements [runner.Runner]. A process ends with the server.
func (r *Runner) Capabilities(*runpb.TaskTemplate) runner.Capabilities { return runner.Capabilities{} }

// Check implements [runner.Runner]. It looks at the template alone, and not for the
// command.
func (r *Runner) Check(template *runpb.TaskTemplate) error { return r.config.check(template) }

// Prepare implements [runner.Runner].
func (r *Runner) Prepare(context.Context, *runpb.TaskTemplate) error { return nil }

// Start implements [runner.Runner]. For an ID that an earlier server started it is a
// no-op: Wait reports that the attempt is lost.
func (r *Runner) Start(ctx context.Context, spec runner.Spec, out runner.Output) error {
	if err := ctx.Err(); err != nil || spec.Resume {
		return err
	}
	a := newAttempt(spec.ID)
	return r.attempts.Place(ctx, a, func() error { return r.launch(a, spec, out) })
}

// Running implements [runner.Runner]. A leftover is lost.
func (r *Runner) Running(ctx context.Context, id runner.ID) (time.Time, error) {
	if a, ok := r.attempts.Find(id); ok && a.left != nil {
		return time.Time{}, runner.ErrLost
	}
	return r.attempts.Running(ctx, id)
}

// Waiting implements [runner.Runner]. A process runs as soon as it is placed.
func (*Runner) Waiting(runner.ID) string { return "" }

// Wait implements [runner.Runner].
func (r *Runner) Wait(ctx context.Context, id runner.ID) (runner.Result, error) {
	if a, ok := r.attempts.Find(id); ok && a.left == nil {
		return r.attempts.Wait(ctx, id)
	}
	if err := r.endLeftover(ctx, id, 0); err != nil {
		return runner.Result{}, err
	}
	return runner.Result{}, runner.ErrLost
}

// Release implements [runner.Runner]. It does nothing: nothing of an ended attempt is left.
func (r *Runner) Release(runner.ID) {}

// Stop implements [runner.Runner]. When ctx ends first, Stop returns its error, and the
// attempt has received no more than SIGTERM.
func (r *Runner) Stop(ctx context.Context, id runner.ID, grace time.Duration) error {
	a, ok := r.attempts.Find(id)
	if !ok || a.left != nil {
		return r.endLeftover(ctx, id, grace)
	}
	if err := a.AwaitPlaced(ctx); err != nil {
		return ctx.Err() // an attempt that cannot start is not there
	}
	if err := a.stop(ctx, grace); err != nil {
		return err
	}
	return r.killMarked(ctx, id)
}

// Detach implements [runner.Runner].
func (r *Runner) Detach(context.Context, runner.ID) error {
	return fmt.Errorf("detach a process: %w", errors.ErrUnsupported)
}

// List implements [runner.Runner].
func (r *Runner) List(ctx context.Context) ([]runner.ID, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found, err := r.marked()
	if err != nil {
		return nil, fmt.Errorf("look for processes of attempts: %w", err)
	}
	ids := make(map[runner.ID]bool)
	for value := range maps.Values(found) {
		if id, ok := r.marker.id(value); ok {
			ids[id] = true
		}
	}
	for _, a := range r.attempts.All() {
		if alive := a.left == nil && !a.Ended() || a.left != nil && a.left.leader.alive(); alive {
			ids[a.ID] = true
		}
	}
	return runner.SortIDs(slices.Collect(maps.Keys(ids))), nil
}
