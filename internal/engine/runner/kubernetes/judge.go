package kubernetes

import (
	"slices"
	"time"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// mainAnnotation names the Pod's main container, also to kubectl. Admission may add others.
const mainAnnotation = "kubectl.kubernetes.io/default-container"

// Reasons of the API for the states of Pods and containers.
const (
	conditionDisrupted = "DisruptionTarget"
	conditionScheduled = "PodScheduled"
	reasonEvicted      = "Evicted"
	reasonOutOfMemory  = "OOMKilled"
	reasonUnknown      = "ContainerStatusUnknown" // of the kubelet
	reasonNotKnown     = "Unknown"                // of containerd, after its machine went down
	reasonStartError   = "StartError"
	reasonGated        = "SchedulingGated"
	reasonCreating     = "ContainerCreating"
	reasonInitializing = "PodInitializing"
)

// exitKilled is the exit code of a container that was killed.
const exitKilled = 137

// judge reads a Pod's status.
func judge(pod *kube.Pod) verdict {
	main := mainOf(pod)
	v := verdict{
		main:       main,
		made:       pod.Metadata.CreationTimestamp,
		deleting:   !pod.Metadata.DeletionTimestamp.IsZero(),
		gated:      slices.Contains(pod.Spec.SchedulingGates, kube.SchedulingGate{Name: claimedGate}),
		over:       pod.Status.Phase == kube.PodSucceeded || pod.Status.Phase == kube.PodFailed,
		containers: containerStates(&pod.Status),
	}
	v.settled = v.over
	if grace := pod.Metadata.DeletionGracePeriodSeconds; v.deleting && grace != nil {
		v.forced = *grace == 0
	}
	if v.deleting && pod.Spec.NodeName == "" {
		v.over = true // no node will get it
	}
	if c, _ := pod.Status.Condition(conditionScheduled); c.Status == "True" {
		v.scheduled = c.LastTransitionTime
	}
	if grace := pod.Spec.TerminationGracePeriodSeconds; grace != nil {
		v.grace = time.Duration(*grace) * time.Second
	}
	exceeded := v.over && pod.Status.Reason == reasonEvicted && !disrupted(pod)
	if exceeded {
		v.evicted = pod.Status.Message
	}
	status := pod.Status.Container(main)
	switch {
	case status != nil && status.State.Terminated != nil:
		v.judgeEnd(pod, main, status.State.Terminated)
	case pod.Status.Phase == kube.PodSucceeded:
		v.phase = ended
	case exceeded:
		v.phase, v.result = ended, runner.Result{ExitCode: exitKilled}
	case v.over:
		v.phase = lost
	case status != nil && status.State.Running != nil:
		v.phase, v.began = runs, status.State.Running.StartedAt
	default:
		v.judgeWait(pod)
	}
	return v
}

// mainOf returns the name of a Pod's main container.
func mainOf(pod *kube.Pod) string {
	if name := pod.Metadata.Annotations[mainAnnotation]; name != "" || len(pod.Spec.Containers) == 0 {
		return name
	}
	return pod.Spec.Containers[0].Name
}

func disrupted(pod *kube.Pod) bool {
	c, _ := pod.Status.Condition(conditionDisrupted)
	return c.Status == "True"
}

// containerStates returns the containers whose status is known.
func containerStates(s *kube.PodStatus) (all []containerState) {
	for _, list := range [][]kube.ContainerStatus{s.InitContainerStatuses, s.ContainerStatuses} {
		for _, c := range list {
			all = append(all, containerState{
				name:    c.Name,
				started: c.State.Running != nil || c.State.Terminated != nil && c.ContainerID != "",
				ended:   c.State.Terminated != nil,
				since:   startOf(&c.State),
			})
		}
	}
	return all
}

// startOf returns when a container started, or the zero time.
func startOf(s *kube.ContainerState) time.Time {
	switch {
	case s.Running != nil:
		return s.Running.StartedAt
	case s.Terminated != nil:
		return s.Terminated.StartedAt
	}
	return time.Time{}
}

// deletedAt returns when a Pod that is being deleted was deleted. The API has the time when its
// grace is over.
func deletedAt(pod *kube.Pod) time.Time {
	at := pod.Metadata.DeletionTimestamp
	if grace := pod.Metadata.DeletionGracePeriodSeconds; grace != nil {
		at = at.Add(-time.Duration(*grace) * time.Second)
	}
	return at
}

// ranFor returns how long a container ran, or 0 if its node does not know. Its times are whole
// seconds.
func ranFor(end *kube.Terminated) time.Duration {
	if end.StartedAt.IsZero() || end.FinishedAt.IsZero() {
		return 0
	}
	return max(time.Millisecond, end.FinishedAt.Sub(end.StartedAt))
}

// judgeEnd judges a Pod whose main container has ended.
func (v *verdict) judgeEnd(pod *kube.Pod, main string, end *kube.Terminated) {
	v.began = end.StartedAt
	if end.Reason == reasonStartError {
		v.began = time.Time{}
		v.phase, v.fault = broken, fault{main, "command", end.Message}
		return
	}
	v.result = runner.Result{ExitCode: end.ExitCode, OutOfMemory: end.Reason == reasonOutOfMemory, Ran: ranFor(end)}
	unknown := (end.Reason == reasonUnknown || end.Reason == reasonNotKnown) && pod.Status.Reason != reasonEvicted
	v.killed = v.deleting && !end.FinishedAt.Before(deletedAt(pod))
	v.cut = end.ExitCode != 0 && (disrupted(pod) || unknown || v.killed)
	others := slices.ContainsFunc(v.containers, func(c containerState) bool { return c.started && !c.ended })
	if others && !v.over {
		v.phase = closes
		return
	}
	v.close()
	v.over = true
}

// close sets the phase of a Pod whose main container has ended, and which runs no other any more.
func (v *verdict) close() {
	v.phase = ended
	if v.cut {
		v.phase = lost
	}
}
