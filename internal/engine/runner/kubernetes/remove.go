package kubernetes

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// know makes the Runner follow the Pod of an attempt.
func (r *Runner) know(a *attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pods[a.pod] = a
}

// forget ends that.
func (r *Runner) forget(a *attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pods[a.pod] == a {
		delete(r.pods, a.pod)
	}
}

func (r *Runner) known(pod string) *attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pods[pod]
}

// Release implements [runner.Runner]: it removes the Pod of an attempt that has ended.
func (r *Runner) Release(id runner.ID) {
	if a := r.known(podName(r.engine, id)); a != nil && a.Ended() {
		r.release(a)
	}
}

// release removes the attempt's Pod in the background.
func (r *Runner) release(a *attempt) {
	if a.claimRemoval() {
		// Once the Runner is closed, the next one removes the Pod.
		_ = r.attempts.Begin(func() { r.background.Go(func() { r.remove(a) }) })
	}
}

// claimRemoval reports that nobody removes the attempt's Pod yet. The caller does so then.
func (a *attempt) claimRemoval() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	first := !a.removing
	a.removing = true
	return first
}

// abandon removes the Pod of an attempt that could not be placed. The gate is closed.
func (r *Runner) abandon(a *attempt) {
	a.LetGo()
	r.release(a)
}

// removeBackoff are the waits between two tries to remove a Pod.
func removeBackoff() backoff.Backoff {
	return backoff.Backoff{Min: 200 * time.Millisecond, Max: 30 * time.Second}
}

// settlePatience is how long the kubelet has to finish with a Pod whose containers have ended,
// and the cluster to remove one that is deleted.
const settlePatience = 10 * time.Second

// remove removes a Pod that has ended, or never runs, until it is gone or the Runner closes.
func (r *Runner) remove(a *attempt) {
	// A Pod that has settled goes at once, and the kubelet need not confirm it.
	r.await(a, func(v verdict) bool { return v.settled || v.phase == waits || v.phase == lost })
	retry := removeBackoff()
	for {
		v, _ := a.now()
		err := r.removePod(r.life, a.pod, a.podUID(), v.deleting)
		if err == nil {
			break
		}
		r.log.Warn("remove Pod", "pod", a.pod, "error", err)
		if backoff.Sleep(r.life, backoff.Jitter(retry.Next())) != nil {
			return
		}
	}
	for _, name := range a.records() {
		record := r.recordOf(a, name)
		for _, file := range []string{record, stdoutRecord(record), stderrRecord(record)} {
			_ = os.Remove(file) // it may not exist
		}
	}
	r.await(a, func(v verdict) bool { return v.gone })
	r.forget(a)
	close(a.gone)
}

// await waits until the Pod of an attempt has a property, but not for ever.
func (r *Runner) await(a *attempt, has func(verdict) bool) {
	timer := time.NewTimer(settlePatience)
	defer timer.Stop()
	for {
		v, news := a.now()
		if has(v) {
			return
		}
		select {
		case <-news:
		case <-timer.C:
			return
		case <-r.life.Done():
			return
		}
	}
}

// removePod takes the finalizer off a Pod and deletes it. A Pod that is being deleted goes
// with its finalizer.
func (r *Runner) removePod(ctx context.Context, name, uid string, deleting bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
	defer cancel()
	patch := `{"metadata":{"uid":"` + uid + `","$deleteFromPrimitiveList/finalizers":["` + finalizer + `"]}}`
	if _, err := r.client.PatchPod(ctx, name, []byte(patch)); err != nil || deleting {
		return ignoreGone(err)
	}
	return ignoreGone(r.client.DeletePod(ctx, name, uid, 0))
}

// ignoreGone turns "not found", and "another Pod has the name", into success.
func ignoreGone(err error) error {
	if kube.IsNotFound(err) || kube.IsConflict(err) {
		return nil
	}
	return err
}

// awaitRemoval waits until the Pod of an earlier attempt with the same ID is removed.
func (r *Runner) awaitRemoval(ctx context.Context, id runner.ID) error {
	a := r.known(podName(r.engine, id))
	if a == nil || !a.Ended() {
		return nil
	}
	r.release(a)
	select {
	case <-a.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// recordOf returns the file with the place in the log of an attempt's container.
func (r *Runner) recordOf(a *attempt, container string) string {
	return filepath.Join(r.config.Dir, logFolder, a.pod+"."+container)
}

// records returns the containers whose logs may have a file.
func (a *attempt) records() (names []string) {
	v, _ := a.now()
	for _, c := range v.containers {
		names = append(names, c.name)
	}
	return names
}
