package kubernetes

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// phase is how far an attempt's Pod has come.
type phase int

const (
	waits  phase = iota // the main container has not started; the zero value
	runs                // the main container runs
	closes              // the main container has ended, and others still run
	ended               // the Pod has ended; verdict.result has its result
	lost                // the Pod has ended without a known result, or never ran
	broken              // the Pod cannot start; verdict.fault has the reason
)

// verdict is what a Pod's status says about its attempt.
type verdict struct {
	phase      phase
	main       string        // name of the main container
	gated      bool          // the Runner has not opened the gate
	deleting   bool          // somebody has deleted the Pod
	grace      time.Duration // between SIGTERM and SIGKILL
	settled    bool          // the kubelet has finished with the Pod
	gone       bool          // the Pod is not there any more
	over       bool          // nothing of the Pod runs, or ever will
	made       time.Time     // when the Pod was made, by the API server's clock
	scheduled  time.Time     // when the Pod got its node, by the scheduler's clock; zero before that
	began      time.Time     // when the main container started, by the node's clock; zero if unknown
	result     runner.Result
	why        string // the Pod waits, as REASON or REASON: MESSAGE; may be empty
	fault      fault  // of a Pod that is broken, or that may be
	doubtful   bool   // fault may pass
	evicted    string // why a node has ended a Pod that exceeded a limit of its own; may be empty
	queued     bool   // a scheduling gate of somebody else holds the Pod back
	containers []containerState
}

// fault is why a container does not start.
type fault struct{ container, field, message string }

// containerState is what a verdict keeps of a container.
type containerState struct {
	name           string
	started, ended bool
	since          time.Time // when it started, by the node's clock; zero if unknown
}

// mainAnnotation names the Pod's main container, also to kubectl. Admission may add others.
const mainAnnotation = "kubectl.kubernetes.io/default-container"

// Reasons of the API for the states of Pods and containers.
const (
	conditionDisrupted = "DisruptionTarget"
	conditionScheduled = "PodScheduled"
	reasonEvicted      = "Evicted"
	reasonOutOfMemory  = "OOMKilled"
	reasonUnknown      = "ContainerStatusUnknown"
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

// judgeEnd judges a Pod whose main container has ended.
func (v *verdict) judgeEnd(pod *kube.Pod, main string, end *kube.Terminated) {
	v.began = end.StartedAt
	evicted := pod.Status.Reason == reasonEvicted
	switch {
	case end.Reason == reasonStartError:
		v.began = time.Time{}
		v.phase, v.fault = broken, fault{main, "command", end.Message}
		return
	case end.ExitCode == 0:
		v.phase = ended
	case disrupted(pod), end.Reason == reasonUnknown && !evicted:
		v.phase = lost
	default:
		v.phase = ended
		v.result = runner.Result{ExitCode: end.ExitCode, OutOfMemory: end.Reason == reasonOutOfMemory}
	}
	others := slices.ContainsFunc(v.containers, func(c containerState) bool { return c.started && !c.ended })
	if others && !v.over {
		v.phase = closes
		return
	}
	v.over = true
}

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

// refusal is the error of an attempt that cannot start. names are the names of the
// template's containers in their Pod.
func (f fault) refusal(names []string) error {
	field := "containers"
	if i := slices.Index(names, f.container); i >= 0 {
		field = fmt.Sprintf("containers[%d]", i)
		if f.field != "" {
			field += "." + f.field
		}
	}
	return runner.Refuse(field, "the container cannot be started: %s", f.message)
}
