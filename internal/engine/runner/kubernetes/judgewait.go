package kubernetes

import (
	"fmt"
	"strings"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// judgeWait finds out what a Pod waits for that has not started.
func (v *verdict) judgeWait(pod *kube.Pod) {
	c, _ := pod.Status.Condition(conditionScheduled)
	v.queued = !v.gated && len(pod.Spec.SchedulingGates) > 0
	stale := c.Reason == reasonGated && !v.queued // the gate was opened since
	if c.Status == "False" && !v.gated && !stale {
		v.why = reasonOf(c.Reason, c.Message)
	}
	for _, list := range [][]kube.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range list {
			if v.judgeWaiting(&list[i]); v.phase == broken {
				return
			}
		}
	}
}

// judgeWaiting judges a container while the main one has not started.
func (v *verdict) judgeWaiting(c *kube.ContainerStatus) {
	if last := c.LastState.Terminated; last != nil && last.Reason == reasonStartError {
		v.phase, v.fault = broken, fault{c.Name, "command", last.Message}
		return
	}
	w := c.State.Waiting
	if c.RestartCount > 0 && c.LastState.Terminated != nil && (c.Started == nil || !*c.Started) {
		v.doubtful, v.why = true, restarts(c)
		v.fault = fault{c.Name, "", v.why}
	}
	if w == nil || w.Reason == "" || w.Reason == reasonCreating || w.Reason == reasonInitializing {
		return
	}
	v.why = reasonOf(w.Reason, w.Message)
	f := fault{c.Name, "", v.why}
	switch w.Reason {
	case "InvalidImageName", "ErrImageNeverPull":
		f.field, v.phase = "image", broken
	case "CreateContainerConfigError":
		v.phase = broken
	case "ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError", "SignatureValidationFailed":
		f.field, v.doubtful = "image", true
	case "CreateContainerError":
		v.doubtful = true
		if strings.Contains(w.Message, "no command specified") {
			f.field, v.phase = "command", broken
		}
	case "CrashLoopBackOff":
		v.doubtful = true
		if c.LastState.Terminated != nil {
			v.why += ": " + restarts(c)
			f.message = v.why
		}
	case "RunContainerError":
		v.doubtful = true
	default:
		return
	}
	v.fault = f
}

// restarts describes a sidecar that the node starts again and again.
func restarts(c *kube.ContainerStatus) string {
	last := c.LastState.Terminated
	return fmt.Sprintf("it was restarted %d times before it was ready: its startup probe fails, or it exits (last exit code %d, %s)",
		c.RestartCount, last.ExitCode, last.Reason)
}

// reasonOf joins a reason and its message.
func reasonOf(reason, message string) string {
	if message = strings.TrimSpace(message); message == "" {
		return reason
	}
	return reason + ": " + message
}
