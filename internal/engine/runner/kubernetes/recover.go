package kubernetes

import (
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// claimLeft adds the attempts of an earlier server to the registry. The first Start, Wait or
// Stop of one adopts it. It leaves a Pod alone that has the engine's label and is none of
// its attempts: somebody else made it.
func (r *Runner) claimLeft(pods []*kube.Pod) error {
	for _, pod := range pods {
		id, ours := r.attemptOf(pod)
		if !ours {
			r.log.Warn("a Pod bears this data folder's label and is none of its attempts; it is left alone",
				"pod", pod.Metadata.Name, "label", engineLabel)
			continue
		}
		a := r.newAttempt(id)
		a.left = true
		a.bind(pod)
		if err := r.attempts.ClaimLeft(a); err != nil {
			return err
		}
		r.know(a)
	}
	return nil
}

// taken is how somebody adopts an attempt.
type taken struct {
	owned bool // the engine goes on with it
	names []string
	out   runner.Output
}

// take adopts an attempt of an earlier server, unless somebody has done so before.
func (r *Runner) take(a *attempt, how taken) error {
	return r.attempts.Adopt(a, how.owned, func() {
		if how.owned {
			a.writeTo(how.names, how.out)
			a.allow(true)
		}
		a.Placed()
		r.background.Go(func() { r.supervise(a) })
	})
}
