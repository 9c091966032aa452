package container

import (
	"cmp"
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

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
)

// Runner is a [runner.Runner] whose attempts are containers. It adopts what an
// earlier server left of attempts whose containers were all started; of others it ends
// what is left, and the attempt is lost.
type Runner struct {
	config Config
	log    *slog.Logger
	folder string // ID of the data folder
	daemon *daemon
	images images
	host   *metadataHost // nil for none
	bucket *os.Root      // nil for none

	removing   chan struct{}   // has room for those who may remove containers now
	background sync.WaitGroup  // what goes on after an attempt's end
	life       context.Context //nolint:containedctx // of the attempts, which outlive the requests that start them
	end        context.CancelFunc

	mu       sync.Mutex
	closed   bool
	attempts map[runner.ID]*attempt
	left     map[runner.ID]*leftover // of an earlier server, until a Start or a Wait takes it over
	doubted  map[runner.ID]bool      // of which there may be containers that nobody here knows of
}

// Open connects to a daemon and looks for what an earlier server left with it. The
// caller closes the Runner.
func Open(ctx context.Context, c Config) (_ *Runner, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	r := &Runner{config: c, log: c.Logger, attempts: make(map[runner.ID]*attempt), doubted: make(map[runner.ID]bool)}
	r.config.Pull = cmp.Or(c.Pull, PullMissing)
	r.config.Patience = cmp.Or(c.Patience, DefaultPatience)
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	r.life, r.end = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	if err := r.openFolders(); err != nil {
		return nil, err
	}
	if r.daemon, err = dial(ctx, c); err != nil {
		return nil, err
	}
	r.removing = make(chan struct{}, r.daemon.removals())
	r.background.Go(func() { r.daemon.watch(r.life, r.busy) })
	if r.host, err = r.serveMetadata(ctx); err != nil {
		return nil, err
	}
	r.left, err = r.leftovers(ctx)
	return r, err
}

func (r *Runner) openFolders() (err error) {
	if r.config.Dir, err = filepath.Abs(r.config.Dir); err != nil {
		return err
	}
	if err := os.MkdirAll(r.config.Dir, 0o700); err != nil {
		return err
	}
	if r.folder, err = runner.FolderID(r.config.Dir); err != nil {
		return err
	}
	if r.config.Buckets != "" {
		if r.bucket, err = os.OpenRoot(r.config.Buckets); err != nil {
			return fmt.Errorf("open folder of buckets: %w", err)
		}
	}
	return nil
}

// String says which daemon runs the containers, for people.
func (r *Runner) String() string { return r.daemon.String() }

// Close ends nothing: an attempt that still runs loses sight of its server, and is
// adopted by the next Open. Stop the attempts first. It waits until what has ended is
// removed, and takes no more.
func (r *Runner) Close() error {
	r.mu.Lock()
	r.closed = true
	running := slices.Collect(maps.Values(r.attempts))
	r.mu.Unlock()
	for _, a := range running {
		if !a.ended() {
			r.log.Warn("container runner closes while an attempt runs", "attempt", a.id.String())
		}
	}
	r.end()
	r.background.Wait()
	var errs []error
	if r.host != nil {
		errs = append(errs, r.host.close())
	}
	if r.bucket != nil {
		errs = append(errs, r.bucket.Close())
	}
	if r.daemon != nil {
		errs = append(errs, r.daemon.Close())
	}
	return errors.Join(errs...)
}

// Start implements [runner.Runner]. An ID that an earlier server placed is adopted.
func (r *Runner) Start(ctx context.Context, spec runner.Spec, out runner.Output) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c, err := r.claim(spec)
	switch {
	case err != nil || c.attempt == nil:
		return err
	case !c.first:
		return c.attempt.placed(ctx)
	case c.left != nil:
		r.adopt(c.attempt, c.left, out)
		return nil
	}
	a := c.attempt
	if a.err = r.launch(ctx, a, spec, out); a.err != nil {
		r.forget(a)
		close(a.done)
	}
	close(a.started)
	return a.err
}

// claim is an attempt, whether it is new, and what an earlier server left of it.
type claim struct {
	attempt *attempt
	first   bool
	left    *leftover
}

// claim returns the attempt of an ID, and none where there is nothing to go on with.
func (r *Runner) claim(spec runner.Spec) (claim, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return claim{}, errStopping()
	}
	if a := r.attempts[spec.ID]; a != nil {
		return claim{attempt: a}, nil
	}
	left := r.left[spec.ID]
	if left == nil && spec.Resume {
		return claim{}, nil
	}
	delete(r.left, spec.ID)
	a := newAttempt(spec.ID)
	r.attempts[spec.ID] = a
	r.daemon.want()
	return claim{a, true, left}, nil
}

func (r *Runner) forget(a *attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.attempts[a.id] == a {
		delete(r.attempts, a.id)
	}
}

// find returns the attempt of an ID, and adopts one that is left; nil for none.
func (r *Runner) find(id runner.ID) (*attempt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, left := r.attempts[id], r.left[id]
	switch {
	case a != nil || left == nil:
		return a, nil
	case r.closed:
		return nil, errStopping()
	}
	delete(r.left, id)
	a = newAttempt(id)
	r.attempts[id] = a
	r.daemon.want()
	r.adopt(a, left, runner.Output{})
	return a, nil
}

// busy reports whether there are attempts.
func (r *Runner) busy() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.attempts) > 0
}

func errStopping() error {
	return runwith.Errorf(runwith.Unavailable, "the server is stopping and starts no more tasks; try again")
}

// Wait implements [runner.Runner].
func (r *Runner) Wait(ctx context.Context, id runner.ID) (runner.Result, error) {
	a, err := r.find(id)
	if err != nil {
		return runner.Result{}, err
	}
	if a == nil {
		return runner.Result{}, runner.ErrLost
	}
	select {
	case <-a.done:
	case <-ctx.Done():
		return runner.Result{}, ctx.Err()
	}
	r.forget(a)
	if a.err != nil || a.lost {
		return runner.Result{}, runner.ErrLost
	}
	return a.result, nil
}

// Stop implements [runner.Runner]. When ctx ends first, Stop returns its error, and
// the attempt has seen no more than SIGTERM.
func (r *Runner) Stop(ctx context.Context, id runner.ID, grace time.Duration) error {
	a, err := r.find(id)
	if a == nil || err != nil {
		return err
	}
	if err := a.placed(ctx); err != nil {
		return ctx.Err() // an attempt that could not be placed is not there
	}
	return r.stop(ctx, a, grace)
}

// List implements [runner.Runner]. Its order is that of [runner.ID.String].
func (r *Runner) List(ctx context.Context) ([]runner.ID, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	ids := slices.Collect(maps.Keys(r.left))
	for id, a := range r.attempts {
		if !a.ended() {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b runner.ID) int { return strings.Compare(a.String(), b.String()) })
	return ids, nil
}
