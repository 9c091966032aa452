package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// place makes the Pod of an attempt, and opens its gate once the Pod is known. On an error
// the gate is closed, and stays closed.
func (r *Runner) place(ctx context.Context, a *attempt, spec runner.Spec, out runner.Output) error {
	text, err := r.podOf(spec)
	if err != nil {
		return err
	}
	if err := r.lease.held(); err != nil {
		return err
	}
	if !r.strays.give(a.pod, func() { r.know(a) }) {
		return unavailable(errors.New("a Pod of an earlier try, which arrived late, is being removed"))
	}
	made, err := r.create(ctx, a, text)
	if err != nil {
		r.forget(a)
		return err
	}
	a.bind(made)
	a.writeTo(containerNames(spec.Template), out)
	if err := r.open(ctx, a); err != nil {
		r.abandon(a)
		return err
	}
	return r.attempts.Begin(func() { r.background.Go(func() { r.supervise(a) }) })
}

// podOf returns the JSON of an attempt's Pod.
func (r *Runner) podOf(spec runner.Spec) ([]byte, error) {
	pod, err := r.config.newPod(r.engine, spec)
	if err != nil {
		return nil, err
	}
	if pod.Metadata.Annotations == nil {
		pod.Metadata.Annotations = make(map[string]string)
	}
	pod.Metadata.Annotations[mainAnnotation] = containerName(spec.Template, mainContainer(spec.Template))
	return r.config.podJSON(pod)
}

// containerNames returns the names of the template's containers in their Pod.
func containerNames(t *runpb.TaskTemplate) []string {
	names := make([]string, len(t.GetContainers()))
	for i := range names {
		names[i] = containerName(t, i)
	}
	return names
}

// requestTimeout is how long the API server has to answer a request that must be finished
// even if nobody waits for it any more.
const requestTimeout = 30 * time.Second

// create makes a Pod. If the answer is lost, create asks for the Pod. If that fails too, the
// error is UNAVAILABLE, and the Pod may be made later: its gate is closed then.
func (r *Runner) create(ctx context.Context, a *attempt, text []byte) (*kube.Pod, error) {
	bounded, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	made, err := r.client.CreatePod(bounded, text)
	switch {
	case err == nil:
		return made, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case !kube.IsAlreadyExists(err) && !unanswered(err):
		return nil, placeError(err)
	}
	exists, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	there, findErr := r.client.GetPod(exists, a.pod)
	if findErr != nil {
		return nil, unavailable(errors.Join(err, findErr))
	}
	switch id, ours := r.attemptOf(there); {
	case !ours, id != a.ID:
		return nil, runner.Refuse("containers", "there is a Pod %s in namespace %s that is not the task's; delete it", a.pod, r.client.Namespace)
	case !there.Metadata.DeletionTimestamp.IsZero():
		return nil, unavailable(errors.New("an earlier Pod of the task is being deleted"))
	}
	return there, nil
}

// attemptOf returns the attempt that this engine has made a Pod for. ours is false for the Pod of
// somebody else, also if it has the engine's label.
func (r *Runner) attemptOf(pod *kube.Pod) (id runner.ID, ours bool) {
	m := pod.Metadata
	id, err := runner.ParseID(m.Annotations[idAnnotation])
	return id, err == nil && m.Labels[engineLabel] == r.engine && m.Name == podName(r.engine, id)
}

// open opens the gate of a Pod, or returns why the Pod will not run. If the answer is lost,
// the attempt's supervisor goes on.
func (r *Runner) open(ctx context.Context, a *attempt) error {
	v, _ := a.now()
	if !v.gated {
		return nil // an earlier try has
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := r.lease.held(); err != nil {
		return err
	}
	a.allow(true)
	err := r.openGate(context.WithoutCancel(ctx), a)
	switch {
	case err == nil:
		return nil
	case kube.IsNotFound(err), kube.IsConflict(err):
		return unavailable(fmt.Errorf("Pod %s was deleted before it could run: %w", a.pod, err)) //nolint:staticcheck // the API's word
	}
	refused := placeError(err)
	if runwith.CodeOf(refused) == runwith.Unavailable {
		r.log.Warn("cannot open the gate of a Pod now", "pod", a.pod, "error", err)
		return nil
	}
	a.allow(false)
	return refused
}

// openGate sends the request that opens the gate.
func (r *Runner) openGate(ctx context.Context, a *attempt) error {
	return r.patch(ctx, a, map[string]any{
		"spec": map[string]any{"schedulingGates": []any{map[string]string{"$patch": "delete", "name": claimedGate}}},
	})
}

// patch changes the Pod of an attempt, and takes note of its new state.
func (r *Runner) patch(ctx context.Context, a *attempt, patch map[string]any) error {
	patch["metadata"] = map[string]string{"uid": a.podUID()}
	text, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	pod, err := r.client.PatchPod(ctx, a.pod, text)
	if err == nil {
		a.observe(pod)
	}
	return err
}

// unanswered reports that nobody knows whether a request was carried out.
func unanswered(err error) bool {
	var status *kube.StatusError
	return !errors.As(err, &status) || status.Code >= http.StatusInternalServerError
}

// placeError is the error of a request that made no Pod, for callers. It is UNAVAILABLE if the
// cluster may take the Pod later.
func placeError(err error) error {
	for _, mayPass := range []func(error) bool{
		kube.IsTransient, kube.IsUnauthorized, kube.IsNotPermitted, kube.IsQuotaExceeded, kube.IsNamespaceTerminating,
	} {
		if mayPass(err) {
			return unavailable(err)
		}
	}
	return &runwith.Error{Code: runwith.FailedPrecondition, Message: "the cluster refused the task's Pod: " + err.Error(), Err: err}
}

// unavailable is the error of a cluster that may succeed when it is asked again.
func unavailable(err error) error {
	return &runwith.Error{Code: runwith.Unavailable, Message: "the cluster could not do it now: " + err.Error(), Err: err}
}
