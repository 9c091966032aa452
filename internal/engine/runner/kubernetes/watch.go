package kubernetes

import (
	"context"
	"time"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// relistPause is how often the Runner lists its Pods although the watch seems to work.
const relistPause = 15 * time.Minute

// watch follows the engine's Pods until the Runner closes.
func (r *Runner) watch() {
	for r.life.Err() == nil {
		ctx, cancel := context.WithTimeout(r.life, backoff.Jitter(relistPause))
		seen := make(map[string]bool)
		r.client.WatchPods(ctx, selector(r.engine), func(e kube.PodEvent) { r.handle(e, seen) })
		cancel()
	}
}

// handle takes note of an event. seen has the UIDs of the Pods that this watch knows.
func (r *Runner) handle(e kube.PodEvent, seen map[string]bool) {
	switch e.Kind {
	case kube.Synced:
		r.confirm(seen)
		return
	case kube.Deleted:
		delete(seen, e.Pod.Metadata.UID)
	default:
		seen[e.Pod.Metadata.UID] = true
	}
	a := r.known(e.Pod.Metadata.Name)
	r.noteStray(e, a)
	switch {
	case a == nil:
	case e.Kind == kube.Deleted:
		if e.Pod.Status.Phase != "" { // its last state, and not only its name
			a.observe(e.Pod)
		}
		a.vanish(e.Pod.Metadata.UID)
	default:
		a.observe(e.Pod)
	}
}

// confirm asks for the Pods of attempts that a list did not have.
func (r *Runner) confirm(seen map[string]bool) {
	r.mu.Lock()
	var missing []*attempt
	for _, a := range r.pods {
		if uid := a.podUID(); uid != "" && !seen[uid] {
			missing = append(missing, a)
		}
	}
	r.mu.Unlock()
	if len(missing) == 0 {
		return
	}
	r.background.Go(func() {
		for _, a := range missing {
			r.confirmGone(a)
		}
	})
}

// confirmLater asks for the Pod of an attempt in the background, unless somebody does so already, or
// the Runner closes.
func (r *Runner) confirmLater(a *attempt) {
	if !a.setConfirming(true) {
		return
	}
	err := r.attempts.Begin(func() {
		r.background.Go(func() {
			defer a.setConfirming(false)
			r.confirmGone(a)
		})
	})
	if err != nil {
		a.setConfirming(false)
	}
}

// confirmGone asks for the Pod of an attempt until the API server answers.
func (r *Runner) confirmGone(a *attempt) {
	uid := a.podUID()
	retry := removeBackoff()
	for a.Life.Err() == nil {
		ctx, cancel := context.WithTimeout(a.Life, requestTimeout)
		pod, err := r.client.GetPod(ctx, a.pod)
		cancel()
		switch {
		case kube.IsNotFound(err), err == nil && pod.Metadata.UID != uid:
			a.vanish(uid)
			return
		case err == nil:
			a.observe(pod)
			return
		}
		_ = backoff.Sleep(a.Life, backoff.Jitter(retry.Next()))
	}
}
