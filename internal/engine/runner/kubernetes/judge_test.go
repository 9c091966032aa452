package kubernetes

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

var someTime = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// podIn returns a Pod on a node, whose main container is in a state.
func podIn(phase string, main kube.ContainerState, change ...func(*kube.Pod)) *kube.Pod {
	p := &kube.Pod{
		Spec: kube.PodSpec{NodeName: "node", Containers: []kube.Container{{Name: "main"}}},
		Status: kube.PodStatus{
			Phase: phase, ContainerStatuses: []kube.ContainerStatus{{Name: "main", ContainerID: "x", State: main}},
		},
	}
	for _, f := range change {
		f(p)
	}
	return p
}

func running() kube.ContainerState {
	return kube.ContainerState{Running: &kube.Running{StartedAt: someTime}}
}

func waiting(reason, message string) kube.ContainerState {
	return kube.ContainerState{Waiting: &kube.Waiting{Reason: reason, Message: message}}
}

func terminated(code int, reason string) kube.ContainerState {
	return kube.ContainerState{Terminated: &kube.Terminated{ExitCode: code, Reason: reason, StartedAt: someTime}}
}

func disrupt(p *kube.Pod) {
	p.Status.Conditions = append(p.Status.Conditions, kube.Condition{Type: conditionDisrupted, Status: "True"})
}

func reason(s string) func(*kube.Pod) { return func(p *kube.Pod) { p.Status.Reason = s } }

func deleted(p *kube.Pod) { p.Metadata.DeletionTimestamp = someTime }

func noNode(p *kube.Pod) { p.Spec.NodeName, p.Status.ContainerStatuses = "", nil }

func gated(p *kube.Pod) { p.Spec.SchedulingGates = []kube.SchedulingGate{{Name: claimedGate}} }

func notScheduled(reason, message string) func(*kube.Pod) {
	return func(p *kube.Pod) {
		p.Status.Conditions = append(p.Status.Conditions, kube.Condition{Type: conditionScheduled, Status: "False", Reason: reason, Message: message})
	}
}

func sidecar(state kube.ContainerState) func(*kube.Pod) {
	return func(p *kube.Pod) {
		p.Status.InitContainerStatuses = []kube.ContainerStatus{{Name: "side", ContainerID: "y", State: state}}
	}
}

// TestJudge checks what each state of a Pod means for its attempt.
func TestJudge(t *testing.T) {
	t.Parallel()
	type want struct {
		phase  phase
		over   bool
		result runner.Result
		why    string
	}
	for name, test := range map[string]struct {
		pod *kube.Pod
		want
	}{
		"gated":                          {podIn("Pending", kube.ContainerState{}, noNode, gated, notScheduled(reasonGated, "m")), want{phase: waits}},
		"gate opened a moment ago":       {podIn("Pending", kube.ContainerState{}, noNode, notScheduled(reasonGated, "m")), want{phase: waits}},
		"no room":                        {podIn("Pending", kube.ContainerState{}, noNode, notScheduled("Unschedulable", "0/1 nodes")), want{phase: waits, why: "Unschedulable: 0/1 nodes"}},
		"deleted without a node":         {podIn("Pending", kube.ContainerState{}, noNode, gated, deleted), want{phase: lost, over: true}},
		"is being created":               {podIn("Pending", waiting(reasonCreating, "")), want{phase: waits}},
		"runs":                           {podIn("Running", running()), want{phase: runs}},
		"is deleted and may run":         {podIn("Running", running(), deleted), want{phase: runs}},
		"success":                        {podIn("Succeeded", terminated(0, "Completed")), want{phase: ended, over: true}},
		"exit code":                      {podIn("Failed", terminated(7, "Error")), want{phase: ended, over: true, result: runner.Result{ExitCode: 7}}},
		"ended before its phase":         {podIn("Running", terminated(7, "Error")), want{phase: ended, over: true, result: runner.Result{ExitCode: 7}}},
		"a sidecar still runs":           {podIn("Running", terminated(7, "Error"), sidecar(running())), want{phase: closes, result: runner.Result{ExitCode: 7}}},
		"a sidecar has ended too":        {podIn("Running", terminated(7, "Error"), sidecar(terminated(0, ""))), want{phase: ended, over: true, result: runner.Result{ExitCode: 7}}},
		"out of memory":                  {podIn("Failed", terminated(137, reasonOutOfMemory)), want{phase: ended, over: true, result: runner.Result{ExitCode: 137, OutOfMemory: true}}},
		"killed, not out of memory":      {podIn("Failed", terminated(137, "Error")), want{phase: ended, over: true, result: runner.Result{ExitCode: 137}}},
		"deadline":                       {podIn("Failed", terminated(3, "Error"), reason("DeadlineExceeded")), want{phase: ended, over: true, result: runner.Result{ExitCode: 3}}},
		"success despite a disruption":   {podIn("Failed", terminated(0, "Completed"), disrupt), want{phase: ended, over: true}},
		"disruption":                     {podIn("Failed", terminated(143, "Error"), disrupt), want{phase: lost, over: true}},
		"unknown to its node":            {podIn("Failed", terminated(137, reasonUnknown)), want{phase: lost, over: true}},
		"node removed":                   {podIn("Failed", running(), disrupt), want{phase: lost, over: true}},
		"failed while it runs":           {podIn("Failed", running()), want{phase: lost, over: true}},
		"no room on the node":            {podIn("Failed", kube.ContainerState{}, reason("OutOfcpu")), want{phase: lost, over: true}},
		"node shut down":                 {podIn("Failed", waiting(reasonCreating, ""), reason("NodeShutdown")), want{phase: lost, over: true}},
		"own disk limit":                 {podIn("Failed", terminated(137, reasonUnknown), reason(reasonEvicted)), want{phase: ended, over: true, result: runner.Result{ExitCode: 137}}},
		"own disk limit, no container":   {podIn("Failed", kube.ContainerState{}, reason(reasonEvicted)), want{phase: ended, over: true, result: runner.Result{ExitCode: 137}}},
		"evicted from its node":          {podIn("Failed", terminated(137, "Error"), reason(reasonEvicted), disrupt), want{phase: lost, over: true}},
		"command is not there":           {podIn("Failed", terminated(128, reasonStartError)), want{phase: broken, over: true}},
		"image name is invalid":          {podIn("Pending", waiting("InvalidImageName", "m")), want{phase: broken, why: "InvalidImageName: m"}},
		"secret is not there":            {podIn("Pending", waiting("CreateContainerConfigError", "m")), want{phase: broken, why: "CreateContainerConfigError: m"}},
		"image cannot be pulled yet":     {podIn("Pending", waiting("ImagePullBackOff", "m")), want{phase: waits, why: "ImagePullBackOff: m"}},
		"a sidecar's image is missing":   {podIn("Pending", waiting(reasonInitializing, ""), sidecar(waiting("ErrImagePull", "m"))), want{phase: waits, why: "ErrImagePull: m"}},
		"a sidecar fails to start":       {podIn("Pending", waiting(reasonInitializing, ""), sidecar(waiting("CrashLoopBackOff", ""))), want{phase: waits, why: "CrashLoopBackOff"}},
		"a sidecar fails after the main": {podIn("Running", running(), sidecar(waiting("CrashLoopBackOff", ""))), want{phase: runs}},
	} {
		v := judge(test.pod)
		got := want{v.phase, v.over, v.result, v.why}
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(want{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestJudgeDoubts checks which faults may pass.
func TestJudgeDoubts(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]bool{
		"ErrImagePull": true, "ImagePullBackOff": true, "CreateContainerError": true, "CrashLoopBackOff": true,
		"InvalidImageName": false, "CreateContainerConfigError": false, reasonCreating: false,
	} {
		if v := judge(podIn("Pending", waiting(reason, "m"))); v.doubtful != want {
			t.Errorf("%s: doubtful = %v, want %v", reason, v.doubtful, want)
		}
	}
}

// TestMainContainer checks that a container which admission has added is not taken for the
// main one.
func TestMainContainer(t *testing.T) {
	t.Parallel()
	p := podIn("Running", running(), func(p *kube.Pod) {
		p.Metadata.Annotations = map[string]string{mainAnnotation: "main"}
		p.Spec.Containers = append([]kube.Container{{Name: "proxy"}}, p.Spec.Containers...)
		p.Status.ContainerStatuses = append([]kube.ContainerStatus{{Name: "proxy", ContainerID: "z", State: terminated(1, "Error")}}, p.Status.ContainerStatuses...)
	})
	if v := judge(p); v.phase != runs {
		t.Errorf("phase = %v, want %v", v.phase, runs)
	}
}
