package kubernetes

import (
	"context"
	"fmt"
	"slices"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// Left returns how many Pods [Cleanup] would remove, and names the cluster and namespace.
func Left(ctx context.Context, c Config) (pods int, where string, err error) {
	r, err := connect(c, false)
	if err != nil {
		return 0, "", err
	}
	defer r.end()
	all, err := r.ownPods(ctx)
	return len(all), r.client.String(), err
}

// Cleanup removes every Pod that the data folder's engine has left in the cluster, and
// returns how many. It fails if the engine runs.
func Cleanup(ctx context.Context, c Config) (removed int, err error) {
	r, err := connect(c, false)
	if err != nil {
		return 0, err
	}
	defer r.end()
	if err := r.lease.acquire(ctx); err != nil {
		return 0, fmt.Errorf("%v: %w", r, advise(err))
	}
	defer r.lease.release(context.WithoutCancel(ctx))
	pods, err := r.ownPods(ctx)
	if err != nil {
		return 0, err
	}
	for _, pod := range pods {
		m := pod.Metadata
		if err := r.removePod(ctx, m.Name, m.UID, !m.DeletionTimestamp.IsZero()); err != nil {
			return removed, fmt.Errorf("remove Pod %s: %w", m.Name, err)
		}
		removed++
	}
	return removed, nil
}

// ownPods returns the Pods that this engine has made.
func (r *Runner) ownPods(ctx context.Context) ([]*kube.Pod, error) {
	pods, err := r.client.ListPods(ctx, selector(r.engine))
	if err != nil {
		return nil, fmt.Errorf("%v: look for Pods: %w", r, advise(err))
	}
	return slices.DeleteFunc(pods, func(pod *kube.Pod) bool { _, ours := r.attemptOf(pod); return !ours }), nil
}
