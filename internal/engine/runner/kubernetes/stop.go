package kubernetes

import (
	"context"
	"time"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// Stop implements [runner.Runner]. When ctx ends first, Stop returns its error, and the
// attempt has received no more than SIGTERM, unless its Pod's own grace is over.
//
// A Pod has a grace of its own, which a longer one does not change. A shorter one is at
// least a second.
func (r *Runner) Stop(ctx context.Context, id runner.ID, grace time.Duration) error {
	a, err := r.find(id, taken{})
	if a == nil || err != nil {
		return err
	}
	if err := a.AwaitPlaced(ctx); err != nil {
		return ctx.Err() // an attempt that cannot start is not there
	}
	return r.stop(ctx, a, grace)
}

// shortGrace is a grace that is not worth a request of its own.
const shortGrace = 500 * time.Millisecond

// stop asks the cluster to end a Pod, and waits for the end.
//
// A deleted Pod loses its logs within seconds. One that exceeds its deadline keeps them, and
// gets SIGTERM and its grace as well. So the Runner deletes a Pod only if nothing of it
// runs, or if it must end sooner than its own grace.
func (r *Runner) stop(ctx context.Context, a *attempt, grace time.Duration) error {
	a.allow(false)
	var expired, asked, deleted bool
	timer := time.NewTimer(grace)
	defer timer.Stop()
	retry := removeBackoff()
	for {
		v, news := a.now()
		kill := v.phase == waits || v.phase == broken || grace < shortGrace || expired && grace < v.grace
		var err error
		switch {
		case v.over:
		case kill && !deleted:
			err = r.deletePod(ctx, a, 0)
			deleted = err == nil
		case !kill && !asked && !v.deleting:
			err = r.patch(ctx, a, map[string]any{"spec": map[string]any{"activeDeadlineSeconds": 1}})
			asked = err == nil
		}
		if err == nil && (asked || deleted) {
			a.noteStopped()
		}
		again, fail := r.afterStop(a, err, &retry)
		if fail != nil {
			return fail
		}
		select {
		case <-a.Done():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-news:
		case <-timer.C:
			expired = true
		case <-again:
		}
	}
}

// afterStop returns a channel that says when to send a request again that failed; nil is
// never. It returns an error if the cluster refuses the request.
func (r *Runner) afterStop(a *attempt, err error, retry *backoff.Backoff) (again <-chan time.Time, fail error) {
	switch {
	case err == nil:
		return nil, nil
	case kube.IsNotFound(err), kube.IsConflict(err):
		r.confirmLater(a)
	case !kube.IsTransient(err):
		return nil, err
	}
	return time.After(backoff.Jitter(retry.Next())), nil
}
