package kubernetes

import (
	"context"
	"time"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/engine/runner"
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
	switch {
	case a == nil:
		r.meet(e)
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

// confirmGone asks for the Pod of an attempt until the API server answers.
func (r *Runner) confirmGone(a *attempt) {
	uid := a.podUID()
	retry := removeBackoff()
	for a.life.Err() == nil {
		ctx, cancel := context.WithTimeout(a.life, requestTimeout)
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
		_ = backoff.Sleep(a.life, backoff.Jitter(retry.Next()))
	}
}

// stray is a gated Pod that no attempt has: a request to make it arrived late.
type stray struct {
	name  string
	since time.Time
}

// strayPatience is how long a stray is left alone: the engine may place its attempt again.
const strayPatience = 30 * time.Second

// meet takes note of a Pod that no attempt has.
func (r *Runner) meet(e kube.PodEvent) {
	m := e.Pod.Metadata
	v := judge(e.Pod)
	id, err := runner.ParseID(m.Annotations[idAnnotation])
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Kind == kube.Deleted || err != nil || !v.gated || !r.ours(e.Pod, id) {
		delete(r.strays, m.UID)
		return
	}
	if r.strays[m.UID] == nil {
		r.strays[m.UID] = &stray{name: m.Name, since: time.Now()}
	}
}

// sweep removes strays until the Runner closes.
func (r *Runner) sweep() {
	patience := strayPatience
	if r.config.strayPatience > 0 {
		patience = r.config.strayPatience
	}
	for backoff.Sleep(r.life, patience/2) == nil {
		for uid, name := range r.oldStrays(patience) {
			if err := r.removePod(r.life, name, uid, false); err != nil {
				r.log.Warn("remove a Pod that no attempt has", "pod", name, "error", err)
				continue
			}
			r.log.Info("removed a Pod that no attempt has: a request to make it arrived late", "pod", name)
		}
	}
}

// oldStrays returns the names of strays by their UIDs.
func (r *Runner) oldStrays(patience time.Duration) map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := make(map[string]string)
	for uid, s := range r.strays {
		switch {
		case r.pods[s.name] != nil:
			delete(r.strays, uid) // it was placed again
		case time.Since(s.since) >= patience:
			old[uid] = s.name
		}
	}
	return old
}
