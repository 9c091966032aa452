package container

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
)

// Runner is a [runner.Runner] whose attempts are containers. It adopts the attempts of an
// earlier server whose containers were all started. It ends the containers of the others,
// which are lost.
type Runner struct {
	config Config
	log    *slog.Logger
	folder string // ID of the data folder
	daemon *daemon
	images images
	host   *metadataHost // nil for none
	bucket *os.Root      // nil for none

	removing   chan struct{}   // a semaphore: see discard
	background sync.WaitGroup  // goroutines that Close waits for
	life       context.Context //nolint:containedctx // of the attempts, which outlive the requests that start them
	end        context.CancelFunc

	attempts runner.Registry[*attempt]

	mu      sync.Mutex
	doubted map[runner.ID]bool // attempts that may have containers nobody here knows of
}

// Open connects to a daemon and looks for attempts that an earlier server left with it.
// The caller closes the Runner.
func Open(ctx context.Context, c Config) (_ *Runner, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	r := &Runner{config: c, log: c.Logger, doubted: make(map[runner.ID]bool)}
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
	r.background.Go(func() { r.daemon.watch(r.life, func() bool { return !r.attempts.Empty() }) })
	if r.host, err = r.serveMetadata(ctx); err != nil {
		return nil, err
	}
	left, err := r.leftovers(ctx)
	if err != nil {
		return nil, err
	}
	return r, r.claimLeft(left)
}

func (r *Runner) openFolders() (err error) {
	if r.config.Dir, err = filepath.Abs(r.config.Dir); err != nil {
		return err
	}
	if err := os.MkdirAll(r.config.Dir, 0o700); err != nil {
		return err
	}
	if r.folder, _, err = runner.FolderID(r.config.Dir); err != nil {
		return err
	}
	if r.config.Buckets != "" {
		if r.bucket, err = os.OpenRoot(r.config.Buckets); err != nil {
			return fmt.Errorf("open folder of buckets: %w", err)
		}
	}
	return nil
}

// String implements [runner.Runner]: it names the daemon.
func (r *Runner) String() string { return r.daemon.String() }

// Close takes no more attempts, and waits until those that have ended are removed. It
// ends nothing: the next Open adopts an attempt that still runs.
func (r *Runner) Close() error {
	if !r.attempts.Close() {
		return nil
	}
	for _, id := range r.attempts.List() {
		r.log.Warn("container runner closes while an attempt runs", "attempt", id.String())
	}
	r.end()
	r.background.Wait()
	var errs []error
	if r.host != nil {
		errs = append(errs, r.host.Close())
	}
	if r.bucket != nil {
		errs = append(errs, r.bucket.Close())
	}
	if r.daemon != nil {
		errs = append(errs, r.daemon.Close())
	}
	return errors.Join(errs...)
}

// Capabilities implements [runner.Runner].
func (r *Runner) Capabilities(template *runpb.TaskTemplate) runner.Capabilities {
	return runner.Capabilities{Prepares: r.prepares(template), Outlives: true}
}

// Start implements [runner.Runner]. It adopts an attempt that an earlier server placed.
func (r *Runner) Start(ctx context.Context, spec runner.Spec, out runner.Output) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if a, ok := r.attempts.Find(spec.ID); ok || spec.Resume {
		if !ok {
			return nil // nothing is left of it
		}
		if err := r.attempts.Adopt(a, true, func() { r.adopt(a, out) }); err != nil {
			return err
		}
		return a.AwaitPlaced(ctx)
	}
	a := r.newAttempt(spec.ID)
	return r.attempts.Place(ctx, a, func() error {
		r.daemon.want()
		return r.launch(ctx, a, spec, out)
	})
}

// find returns the attempt with an ID, and adopts one that is left; nil if there is none. owned
// says that the engine goes on with it.
func (r *Runner) find(id runner.ID, owned bool) (*attempt, error) {
	a, ok := r.attempts.Find(id)
	if !ok {
		return nil, nil //nolint:nilnil // that there is none is no error
	}
	return a, r.attempts.Adopt(a, owned, func() { r.adopt(a, runner.Output{}) })
}

// Running implements [runner.Runner].
func (r *Runner) Running(ctx context.Context, id runner.ID) (time.Time, error) {
	if _, err := r.find(id, true); err != nil {
		return time.Time{}, err
	}
	return r.attempts.Running(ctx, id)
}

// Waiting implements [runner.Runner]. The images are there when an attempt is placed.
func (*Runner) Waiting(runner.ID) string { return "" }

// Wait implements [runner.Runner].
func (r *Runner) Wait(ctx context.Context, id runner.ID) (runner.Result, error) {
	if _, err := r.find(id, true); err != nil {
		return runner.Result{}, err
	}
	return r.attempts.Wait(ctx, id)
}

// Release implements [runner.Runner]. It does nothing: containers go when they have ended.
func (r *Runner) Release(runner.ID) {}

// Stop implements [runner.Runner]. When ctx ends first, Stop returns its error, and the
// attempt has received no more than SIGTERM.
func (r *Runner) Stop(ctx context.Context, id runner.ID, grace time.Duration) error {
	a, err := r.find(id, false)
	if a == nil || err != nil {
		return err
	}
	if err := a.AwaitPlaced(ctx); err != nil {
		return ctx.Err() // an attempt that cannot start is not there
	}
	return r.stop(ctx, a, grace)
}

// Detach implements [runner.Runner].
func (r *Runner) Detach(ctx context.Context, id runner.ID) error {
	a, err := r.find(id, true)
	switch {
	case err != nil:
		return err
	case a == nil:
		return runner.ErrLost
	}
	if err := a.AwaitPlaced(ctx); err != nil {
		return err
	}
	if err := a.Detach(ctx); err != nil {
		return err
	}
	r.attempts.Forget(a)
	return nil
}

// List implements [runner.Runner].
func (r *Runner) List(ctx context.Context) ([]runner.ID, error) {
	return r.attempts.List(), ctx.Err()
}
