package function

import (
	"context"
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

// Runner is a [runner.Runner] whose attempts are calls of functions, in front of
// another one. It adopts nothing: a function is gone with its process.
type Runner struct {
	images map[string]Func
	env    map[string]string
	next   runner.Runner
	log    *slog.Logger

	mu       sync.Mutex
	closed   bool
	attempts map[runner.ID]*attempt
	strays   []*attempt // forgotten, and their functions had not returned
}

// New returns a runner. The caller closes it.
func New(config Config) *Runner {
	r := &Runner{
		images:   maps.Clone(config.Images),
		env:      maps.Clone(config.Env),
		next:     config.Next,
		log:      config.Logger,
		attempts: map[runner.ID]*attempt{},
	}
	if r.next == nil {
		r.next = nowhere{}
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	return r
}

// function returns the function that a template calls, nil if it calls none.
func (r *Runner) function(template *runpb.TaskTemplate) Func {
	containers := template.GetContainers()
	if len(containers) != 1 || len(containers[0].GetCommand()) > 0 {
		return nil
	}
	return r.images[containers[0].GetImage()]
}

// Check implements [runner.Runner].
func (r *Runner) Check(template *runpb.TaskTemplate) error {
	if r.function(template) == nil {
		return r.next.Check(template)
	}
	const who = "a Go function in place of an image"
	if err := runner.CheckPlain(template, who); err != nil {
		return err
	}
	return runner.CheckNoSecrets(template, who)
}

// Start implements [runner.Runner].
func (r *Runner) Start(ctx context.Context, spec runner.Spec, out runner.Output) error {
	f := r.function(spec.Template)
	if f == nil {
		return r.next.Start(ctx, spec, out)
	}
	if err := ctx.Err(); err != nil || spec.Resume { // a function is gone with its process
		return err
	}
	if err := r.Check(spec.Template); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return runwith.Errorf(runwith.Unavailable, "the server is stopping and starts no more tasks; try again")
	case r.attempts[spec.ID] != nil:
		return nil
	}
	r.attempts[spec.ID] = r.begin(f, spec, out)
	return nil
}

func (r *Runner) attempt(id runner.ID) *attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.attempts[id]
}

// Wait implements [runner.Runner].
func (r *Runner) Wait(ctx context.Context, id runner.ID) (runner.Result, error) {
	a := r.attempt(id)
	if a == nil {
		return r.next.Wait(ctx, id)
	}
	select {
	case <-a.done:
	case <-ctx.Done():
		return runner.Result{}, ctx.Err()
	}
	r.forget(a)
	return a.result, nil
}

func (r *Runner) forget(a *attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.attempts[a.id] != a {
		return // another Wait did
	}
	delete(r.attempts, a.id)
	if err := a.out.failure(); err != nil {
		r.log.Error("write output of attempt", "attempt", a.id.String(), "error", err)
	}
	r.strays = slices.DeleteFunc(r.strays, (*attempt).hasReturned)
	if !a.hasReturned() {
		r.strays = append(r.strays, a)
	}
}

// Stop implements [runner.Runner].
func (r *Runner) Stop(ctx context.Context, id runner.ID, grace time.Duration) error {
	a := r.attempt(id)
	if a == nil {
		return r.next.Stop(ctx, id, grace)
	}
	return a.stop(ctx, grace)
}

// List implements [runner.Runner]. Its order is that of [runner.ID.String].
func (r *Runner) List(ctx context.Context) ([]runner.ID, error) {
	ids, err := r.next.List(ctx)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	ids = slices.AppendSeq(ids, maps.Keys(r.attempts))
	slices.SortFunc(ids, func(a, b runner.ID) int { return strings.Compare(a.String(), b.String()) })
	return ids, nil
}

// lastWords is how long Close waits for functions whose attempts have ended.
const lastWords = time.Second

// Close takes no more attempts. Its error names the functions that have not returned:
// those whose attempts run, and those that were not ended by their context. Stop the
// attempts first.
func (r *Runner) Close() error {
	r.mu.Lock()
	r.closed = true
	left := slices.AppendSeq(slices.Clone(r.strays), maps.Values(r.attempts))
	r.mu.Unlock()
	timeout := time.After(lastWords)
	for _, a := range left {
		select {
		case <-a.returned:
		case <-timeout:
			return stillRunning(left)
		}
	}
	return nil
}

func stillRunning(left []*attempt) error {
	left = slices.DeleteFunc(left, (*attempt).hasReturned)
	if len(left) == 0 {
		return nil
	}
	var all []string
	for _, a := range left {
		all = append(all, fmt.Sprintf("image %q, attempt %s", a.image, a.id))
	}
	slices.Sort(all)
	return runwith.Errorf(runwith.Aborted,
		"a function has not returned, which it must when its context ends: %s", strings.Join(all, "; "))
}

// nowhere is the next runner where there is none.
type nowhere struct{}

func (nowhere) Check(template *runpb.TaskTemplate) error {
	containers := template.GetContainers()
	if len(containers) != 1 {
		return runner.CheckPlain(template, "the function runner")
	}
	return runner.Refuse("containers[0]", "image %q is mapped to no function, and commands are not run here; name an image that is mapped, without a command",
		containers[0].GetImage())
}

func (n nowhere) Start(_ context.Context, spec runner.Spec, _ runner.Output) error {
	return n.Check(spec.Template)
}

func (nowhere) Wait(context.Context, runner.ID) (runner.Result, error) {
	return runner.Result{}, runner.ErrLost
}

func (nowhere) Stop(context.Context, runner.ID, time.Duration) error { return nil }

func (nowhere) List(context.Context) ([]runner.ID, error) { return nil, nil }
