package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// Runner is a [runner.Runner] whose attempts are Pods. It adopts the Pods of an earlier
// server, also those that have ended.
type Runner struct {
	config Config
	log    *slog.Logger
	engine string // ID of the data folder, in lower case
	client *kube.Client
	lease  *lease
	apart  bool // the API server shows stdout and stderr apart

	background sync.WaitGroup  // goroutines that Close waits for
	life       context.Context //nolint:containedctx // of the attempts, which outlive the requests that start them
	end        context.CancelFunc

	attempts runner.Registry[*attempt]
	strays   strays

	mu   sync.Mutex
	pods map[string]*attempt // by the Pod's name
	told map[string]bool     // reasons to wait that are logged
}

// logFolder is the folder, in Config.Dir, of the places in the logs of Pods.
const logFolder = "kubernetes-logs"

// Open connects to a cluster and looks for the Pods that an earlier server left in it. The
// caller closes the Runner.
//
// A server with a copy of the data folder has the same Pods. Open fails while one holds
// the folder's Lease.
func Open(ctx context.Context, c Config) (_ *Runner, err error) {
	r, err := connect(c, true)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	if err := r.lease.acquire(ctx); err != nil {
		return nil, fmt.Errorf("%v: %w", r, advise(err))
	}
	r.background.Go(func() { r.lease.keep(r.life) })
	left, err := r.client.ListPods(ctx, selector(r.engine))
	if err != nil {
		return nil, fmt.Errorf("%v: look for Pods of earlier attempts: %w", r, advise(err))
	}
	if err := r.claimLeft(left); err != nil {
		return nil, err
	}
	if r.apart, err = r.client.ShowsStreamsApart(ctx); err != nil {
		return nil, fmt.Errorf("%v: ask how it shows logs: %w", r, advise(err))
	}
	r.background.Go(r.watch)
	r.background.Go(r.sweep)
	return r, nil
}

// advise adds the next step to an error about a missing permission, or about a cluster that
// cannot be reached.
func advise(err error) error {
	var unreached *net.OpError
	switch {
	case kube.IsForbidden(err):
		return fmt.Errorf("%w: apply deploy/kubernetes/role.yaml; runwith doctor --runner kubernetes lists the missing permissions", err)
	case errors.As(err, &unreached):
		return fmt.Errorf("%w: start the cluster, or choose another with --kubeconfig and --kube-context", err)
	}
	return err
}

// connect returns a Runner that has sent no request. It makes the folder if it may.
func connect(c Config, mayMake bool) (r *Runner, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.Grace = cmp.Or(c.Grace, DefaultGrace)
	c.ImagePatience = cmp.Or(c.ImagePatience, DefaultImagePatience)
	c.PendingTimeout = cmp.Or(c.PendingTimeout, DefaultPendingTimeout)
	r = &Runner{config: c, log: c.Logger, pods: make(map[string]*attempt), told: make(map[string]bool)}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if err := r.openFolder(mayMake); err != nil {
		return nil, err
	}
	r.client, err = kube.Connect(kube.Options{
		Kubeconfig: c.Kubeconfig, Context: c.Context, Namespace: c.Namespace, Environ: c.Environ, Logger: r.log,
	})
	if err != nil {
		return nil, err
	}
	if c.transport != nil {
		r.client.HTTP.Transport = c.transport(r.client.HTTP.Transport)
	}
	if r.lease, err = newLease(r.client, r.config.Dir, r.engine, r.log); err != nil {
		return nil, err
	}
	r.life, r.end = context.WithCancel(context.Background())
	return r, nil
}

func (r *Runner) openFolder(mayMake bool) (err error) {
	if r.config.Dir, err = filepath.Abs(r.config.Dir); err != nil {
		return err
	}
	if mayMake {
		if err := os.MkdirAll(r.config.Dir, 0o700); err != nil {
			return err
		}
	}
	if _, err := os.Stat(r.config.Dir); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(r.config.Dir, logFolder), 0o700); err != nil {
		return err
	}
	folder, _, err := runner.FolderID(r.config.Dir)
	r.engine = strings.ToLower(folder)
	return err
}

// String implements [runner.Runner]: it names the cluster and the namespace.
func (r *Runner) String() string { return "Kubernetes, " + r.client.String() }

// closeTimeout is how long Close tries to give the Lease back. It expires otherwise.
const closeTimeout = 2 * time.Second

// Close takes no more attempts, and waits until requests under way are done. It ends
// nothing: the next Open adopts the Pods.
func (r *Runner) Close() error {
	if !r.attempts.Close() {
		return nil
	}
	for _, id := range r.attempts.List() {
		r.log.Warn("Kubernetes runner closes while an attempt runs", "attempt", id.String())
	}
	r.end()
	r.background.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	r.lease.release(ctx)
	return nil
}

// Ready returns UNAVAILABLE if the API server does not answer, or if another server has
// taken the Lease.
func (r *Runner) Ready(ctx context.Context) error {
	if err := r.lease.held(); err != nil {
		return err
	}
	if _, err := r.client.Version(ctx); err != nil {
		return &runwith.Error{Code: runwith.Unavailable, Message: r.String() + " does not answer", Err: err}
	}
	return nil
}

// Capabilities implements [runner.Runner].
func (r *Runner) Capabilities(*runpb.TaskTemplate) runner.Capabilities {
	return runner.Capabilities{Outlives: true, Capacity: DefaultCapacity, Patience: r.config.PendingTimeout}
}

// Check implements [runner.Runner].
func (r *Runner) Check(template *runpb.TaskTemplate) error { return r.config.check(template) }

// Prepare implements [runner.Runner]: nodes pull images.
func (r *Runner) Prepare(context.Context, *runpb.TaskTemplate) error { return nil }

// Start implements [runner.Runner]. It adopts an attempt that an earlier server placed.
func (r *Runner) Start(ctx context.Context, spec runner.Spec, out runner.Output) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if a, ok := r.attempts.Find(spec.ID); ok || spec.Resume {
		if !ok {
			return nil // nothing is left of it
		}
		if err := r.take(a, taken{owned: true, names: containerNames(spec.Template), out: out}); err != nil {
			return err
		}
		return a.AwaitPlaced(ctx)
	}
	if err := r.awaitRemoval(ctx, spec.ID); err != nil {
		return err
	}
	a := r.newAttempt(spec.ID)
	return r.attempts.Place(ctx, a, func() error { return r.place(ctx, a, spec, out) })
}

// find returns the attempt with an ID, and adopts one that is left; nil if there is none.
func (r *Runner) find(id runner.ID, how taken) (*attempt, error) {
	a, ok := r.attempts.Find(id)
	if !ok {
		return nil, nil //nolint:nilnil // that there is none is no error
	}
	return a, r.take(a, how)
}

// Running implements [runner.Runner].
func (r *Runner) Running(ctx context.Context, id runner.ID) (time.Time, error) {
	if _, err := r.find(id, taken{owned: true}); err != nil {
		return time.Time{}, err
	}
	return r.attempts.Running(ctx, id)
}

// Wait implements [runner.Runner].
func (r *Runner) Wait(ctx context.Context, id runner.ID) (runner.Result, error) {
	if _, err := r.find(id, taken{owned: true}); err != nil {
		return runner.Result{}, err
	}
	return r.attempts.Wait(ctx, id)
}

// Waiting implements [runner.Runner].
func (r *Runner) Waiting(id runner.ID) string {
	a, ok := r.attempts.Find(id)
	if !ok {
		return ""
	}
	v, _ := a.now()
	return v.why
}

// Detach implements [runner.Runner].
func (r *Runner) Detach(ctx context.Context, id runner.ID) error {
	a, err := r.find(id, taken{owned: true})
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

// List implements [runner.Runner]. It also returns attempts of an earlier server that have
// ended, until somebody adopts them: nobody has read their end.
func (r *Runner) List(ctx context.Context) ([]runner.ID, error) {
	return r.attempts.List(), ctx.Err()
}
