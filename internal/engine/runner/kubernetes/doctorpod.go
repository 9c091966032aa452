package kubernetes

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

const (
	// doctorEngine is in the labels of the doctor's Pods. No engine has it.
	doctorEngine = "doctor"
	// pullPatience is how long the doctor waits for an image.
	pullPatience = 3 * time.Minute
	// noProgram cannot start, so that nothing of the image runs.
	noProgram = "/runwith-doctor-runs-nothing"
)

// doctorPod returns a Pod that an attempt could have, as JSON.
func (e *examination) doctorPod(image string, change func(*kube.Pod)) ([]byte, error) {
	id := runner.ID{Execution: "runwith-doctor-" + strings.ToLower(rand.Text()[:8])}
	pod, err := e.config.newPod(doctorEngine, runner.Spec{ID: id, Template: &runpb.TaskTemplate{
		Containers: []*runpb.Container{{Image: image, Command: []string{noProgram}}},
	}})
	if err != nil {
		return nil, err
	}
	change(pod)
	return e.config.podJSON(pod)
}

// pod asks the API server whether it would accept an attempt's Pod.
func (e *examination) pod(ctx context.Context) bool {
	text, err := e.doctorPod("runwith-doctor", func(*kube.Pod) {})
	if err == nil {
		_, err = e.client.TryPod(ctx, text)
	}
	switch {
	case kube.IsNotFound(err):
		e.problem("pod", "namespace %q does not exist: make it, or name another with --namespace", e.client.Namespace)
	case kube.IsForbidden(err):
		e.problem("pod", "the cluster refuses Pods of tasks: %v", err)
	case err != nil:
		e.problem("pod", "the API server does not accept a Pod of a task: %v; --kubernetes-pod changes Pods", err)
	default:
		e.ok("pod", "the API server accepts Pods of tasks (tried without making one)")
	}
	return err == nil
}

// pull runs a Pod that pulls an image, and deletes it.
func (e *examination) pull(ctx context.Context, image string) {
	text, err := e.doctorPod(image, func(p *kube.Pod) { p.Spec.SchedulingGates, p.Metadata.Finalizers = nil, nil })
	if err != nil {
		e.problem("image", "%v", err)
		return
	}
	pod, err := e.client.CreatePod(ctx, text)
	if err != nil {
		e.problem("image", "make a Pod: %v", err)
		return
	}
	defer func() {
		if err := e.client.DeletePod(context.WithoutCancel(ctx), pod.Metadata.Name, pod.Metadata.UID, 0); err != nil && !kube.IsNotFound(err) {
			e.problem("image", "delete Pod %s: %v", pod.Metadata.Name, err)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, pullPatience)
	defer cancel()
	for {
		now, err := e.client.GetPod(ctx, pod.Metadata.Name)
		if err != nil {
			e.problem("image", "read Pod %s: %v", pod.Metadata.Name, err)
			return
		}
		if done, why := pulled(&now.Status); done {
			e.sayPulled(image, now, why)
			return
		}
		if backoff.Sleep(ctx, time.Second) != nil {
			e.problem("image", "%s was not pulled within %v; Pod %s is %s%s", image, pullPatience, now.Metadata.Name, now.Status.Phase, inBrackets(unscheduled(&now.Status)))
			return
		}
	}
}

// pulled reports whether an image has been pulled or cannot be, and why not.
func pulled(s *kube.PodStatus) (done bool, why string) {
	for _, c := range s.ContainerStatuses {
		switch w := c.State.Waiting; {
		case c.ImageID != "" || c.State.Terminated != nil:
			return true, ""
		case w != nil && (strings.HasPrefix(w.Reason, "ErrImage") || strings.HasPrefix(w.Reason, "Image") || w.Reason == "InvalidImageName"):
			return true, w.Reason + ": " + w.Message
		}
	}
	return false, ""
}

func (e *examination) sayPulled(image string, pod *kube.Pod, why string) {
	if why != "" {
		e.problem("image", "%s cannot be pulled: %s; name pull secrets in --kubernetes-pod", image, why)
		return
	}
	e.ok("image", "node %s has pulled %s", pod.Spec.NodeName, image)
}

// unscheduled returns why a Pod has no node.
func unscheduled(s *kube.PodStatus) string {
	if c, ok := s.Condition("PodScheduled"); ok && c.Status == "False" {
		return c.Reason + ": " + c.Message
	}
	return ""
}
