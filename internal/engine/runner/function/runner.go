package function

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
)

// Runner is a [runner.Runner] whose attempts are calls of functions, in front of another
// Runner. It adopts nothing: a function ends with its process.
type Runner struct {
	images   map[string]Func
	metadata string
	next     runner.Runner
	log      *slog.Logger
	attempts runner.Registry[*attempt]

	mu    sync.Mutex
	calls map[*attempt]bool // that have not returned, also after the attempt's end
}

// New returns a Runner. The caller closes it.
func New(config Config) *Runner {
	r := &Runner{
		images:   maps.Clone(config.Images),
		metadata: config.Metadata,
		next:     config.Next,
		log:      config.Logger,
		calls:    map[*attempt]bool{},
	}
	if r.next == nil {
		r.next = nowhere{}
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	return r
}

// String implements [runner.Runner].
func (r *Runner) String() string { return fmt.Sprintf("Go functions in front of %v", r.next) }

// function returns the function that a template calls, or nil.
func (r *Runner) function(template *runpb.TaskTemplate) Func {
	containers := template.GetContainers()
	if len(containers) != 1 || len(containers[0].GetCommand()) > 0 {
		return nil
	}
	return r.images[containers[0].GetImage()]
}

// Capabilities implements [runner.Runner]. A function has none.
func (r *Runner) Capabilities(template *runpb.TaskTemplate) runner.Capabilities {
	if r.function(template) == nil {
		return r.next.Capabilities(template)
	}
	return runner.Capabilities{}
}

// Check implements [runner.Runner].
func (r *Runner) Check(template *runpb.TaskTemplate) error {
	if r.function(template) == nil {
		return r.next.Check(template)
	}
	const who = "a Go function in place of an image"
	if err := runner.CheckPlain(template, who, ""); err != nil {
		return err
	}
	return runner.CheckNoSecrets(template, who)
}

// Prepare implements [runner.Runner].
func (r *Runner) Prepare(ctx context.Context, template *runpb.TaskTemplate) error {
	if r.function(template) == nil {
		return r.next.Prepare(ctx, template)
	}
	return nil
}

// Start implements [runner.Runner].
func (r *Runner) Start(ctx context.Context, spec runner.Spec, out runner.Output) error {
	f := r.function(spec.Template)
	if f == nil {
		return r.next.Start(ctx, spec, out)
	}
	if err := ctx.Err(); err != nil || spec.Resume { // a function ends with its process
		return err
	}
	if err := r.Check(spec.Template); err != nil {
		return err
	}
	a := newAttempt(spec, out)
	return r.attempts.Place(ctx, a, func() error {
		r.begin(a, f, spec)
		return nil
	})
}

// Running implements [runner.Runner].
func (r *Runner) Running(ctx context.Context, id runner.ID) (time.Time, error) {
	if _, ok := r.attempts.Find(id); !ok {
		return r.next.Running(ctx, id)
	}
	return r.attempts.Running(ctx, id)
}

// Waiting implements [runner.Runner]. A function never waits.
func (r *Runner) Waiting(id runner.ID) string {
	if _, ok := r.attempts.Find(id); ok {
		return ""
	}
	return r.next.Waiting(id)
}

// Wait implements [runner.Runner].
func (r *Runner) Wait(ctx context.Context, id runner.ID) (runner.Result, error) {
	if _, ok := r.attempts.Find(id); !ok {
		return r.next.Wait(ctx, id)
	}
	return r.attempts.Wait(ctx, id)
}

// Release implements [runner.Runner].
func (r *Runner) Release(id runner.ID) { r.next.Release(id) }

// Stop implements [runner.Runner].
func (r *Runner) Stop(ctx context.Context, id runner.ID, grace time.Duration) error {
	a, ok := r.attempts.Find(id)
	if !ok {
		return r.next.Stop(ctx, id, grace)
	}
	return a.stop(ctx, grace)
}

// Detach implements [runner.Runner].
func (r *Runner) Detach(ctx context.Context, id runner.ID) error {
	if _, ok := r.attempts.Find(id); !ok {
		return r.next.Detach(ctx, id)
	}
	return fmt.Errorf("detach a Go function: %w", errors.ErrUnsupported)
}

// List implements [runner.Runner].
func (r *Runner) List(ctx context.Context) ([]runner.ID, error) {
	ids, err := r.next.List(ctx)
	return runner.SortIDs(append(ids, r.attempts.List()...)), err
}

// lastWords is how long Close waits for functions whose attempts have ended.
const lastWords = time.Second

// Close takes no more attempts. Its error names the functions that have not returned.
// Stop the attempts first.
func (r *Runner) Close() error {
	r.attempts.Close()
	timeout := time.After(lastWords)
	for _, a := range r.unreturned() {
		select {
		case <-a.returned:
		case <-timeout:
			return stillRunning(r.unreturned())
		}
	}
	return nil
}

func (r *Runner) unreturned() []*attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.calls))
}

func stillRunning(left []*attempt) error {
	if len(left) == 0 {
		return nil
	}
	var all []string
	for _, a := range left {
		all = append(all, fmt.Sprintf("image %q, attempt %s", a.image, a.ID))
	}
	slices.Sort(all)
	return runwith.Errorf(runwith.Aborted,
		"a function has not returned, which it must when its context ends: %s", strings.Join(all, "; "))
}
