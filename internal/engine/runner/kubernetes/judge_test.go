package kubernetes

import (
	"log/slog"
	"strings"
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

// deletedAfter deletes a Pod so long after its start, with a grace of 30 s.
func deletedAfter(d time.Duration) func(*kube.Pod) {
	return func(p *kube.Pod) {
		p.Metadata.DeletionTimestamp = someTime.Add(d + 30*time.Second)
		p.Metadata.DeletionGracePeriodSeconds = new(int64(30))
	}
}

// ran is the state of a container that has ended after a time.
func ran(d time.Duration, code int) kube.ContainerState {
	s := terminated(code, "Error")
	s.Terminated.FinishedAt = someTime.Add(d)
	return s
}

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

// restarted adds a sidecar that the node has started again, and whose probe has succeeded or not.
func restarted(ready bool) func(*kube.Pod) {
	return func(p *kube.Pod) {
		p.Status.InitContainerStatuses = []kube.ContainerStatus{{
			Name: "side", ContainerID: "y", State: running(), LastState: terminated(137, "Error"), RestartCount: 3, Started: &ready,
		}}
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
		"disruption":                     {podIn("Failed", terminated(143, "Error"), disrupt), want{phase: lost, over: true, result: runner.Result{ExitCode: 143}}},
		"unknown to its node":            {podIn("Failed", terminated(137, reasonUnknown)), want{phase: lost, over: true, result: runner.Result{ExitCode: 137}}},
		"unknown to its containerd":      {podIn("Failed", terminated(255, reasonNotKnown)), want{phase: lost, over: true, result: runner.Result{ExitCode: 255}}},
		"ended after it was deleted":     {podIn("Failed", ran(time.Hour, 143), deletedAfter(time.Hour)), want{phase: lost, over: true, result: runner.Result{ExitCode: 143, Ran: time.Hour}}},
		"success after it was deleted":   {podIn("Succeeded", ran(time.Hour, 0), deletedAfter(time.Minute)), want{phase: ended, over: true, result: runner.Result{Ran: time.Hour}}},
		"ended before it was deleted":    {podIn("Failed", ran(time.Minute, 7), deletedAfter(time.Hour)), want{phase: ended, over: true, result: runner.Result{ExitCode: 7, Ran: time.Minute}}},
		"ended at once":                  {podIn("Failed", ran(0, 7)), want{phase: ended, over: true, result: runner.Result{ExitCode: 7, Ran: time.Millisecond}}},
		"node removed":                   {podIn("Failed", running(), disrupt), want{phase: lost, over: true}},
		"failed while it runs":           {podIn("Failed", running()), want{phase: lost, over: true}},
		"no room on the node":            {podIn("Failed", kube.ContainerState{}, reason("OutOfcpu")), want{phase: lost, over: true}},
		"node shut down":                 {podIn("Failed", waiting(reasonCreating, ""), reason("NodeShutdown")), want{phase: lost, over: true}},
		"own disk limit":                 {podIn("Failed", terminated(137, reasonUnknown), reason(reasonEvicted)), want{phase: ended, over: true, result: runner.Result{ExitCode: 137}}},
		"own disk limit, no container":   {podIn("Failed", kube.ContainerState{}, reason(reasonEvicted)), want{phase: ended, over: true, result: runner.Result{ExitCode: 137}}},
		"evicted from its node":          {podIn("Failed", terminated(137, "Error"), reason(reasonEvicted), disrupt), want{phase: lost, over: true, result: runner.Result{ExitCode: 137}}},
		"command is not there":           {podIn("Failed", terminated(128, reasonStartError)), want{phase: broken, over: true}},
		"image name is invalid":          {podIn("Pending", waiting("InvalidImageName", "m")), want{phase: broken, why: "InvalidImageName: m"}},
		"secret is not there":            {podIn("Pending", waiting("CreateContainerConfigError", "m")), want{phase: broken, why: "CreateContainerConfigError: m"}},
		"image cannot be pulled yet":     {podIn("Pending", waiting("ImagePullBackOff", "m")), want{phase: waits, why: "ImagePullBackOff: m"}},
		"a sidecar's image is missing":   {podIn("Pending", waiting(reasonInitializing, ""), sidecar(waiting("ErrImagePull", "m"))), want{phase: waits, why: "ErrImagePull: m"}},
		"a sidecar fails to start":       {podIn("Pending", waiting(reasonInitializing, ""), sidecar(waiting("CrashLoopBackOff", ""))), want{phase: waits, why: "CrashLoopBackOff"}},
		"a sidecar is never ready":       {podIn("Pending", waiting(reasonInitializing, ""), restarted(false)), want{phase: waits, why: "it was restarted 3 times before it was ready: its startup probe fails, or it exits (last exit code 137, Error)"}},
		"a sidecar is ready at last":     {podIn("Pending", waiting(reasonCreating, ""), restarted(true)), want{phase: waits}},
		"a sidecar fails after the main": {podIn("Running", running(), sidecar(waiting("CrashLoopBackOff", ""))), want{phase: runs}},
	} {
		v := judge(test.pod)
		got := want{v.phase, v.over, v.result, v.why}
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(want{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestStoppedAttemptHidesItsTime checks that the time which an attempt ran counts only if the Runner
// has not ended it.
func TestStoppedAttemptHidesItsTime(t *testing.T) {
	t.Parallel()
	for over, want := range map[bool]time.Duration{true: time.Minute, false: 0} {
		a := &attempt{verdict: verdict{over: over}}
		a.noteStopped()
		if got := a.result(judge(podIn("Failed", ran(time.Minute, 143)))).Ran; got != want {
			t.Errorf("stopped when over = %v: ran for %v, want %v", over, got, want)
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

// TestJudgeNeverReady checks that a sidecar that the node restarts is a fault also while it runs,
// so that its patience does not begin again.
func TestJudgeNeverReady(t *testing.T) {
	t.Parallel()
	for ready, want := range map[bool]bool{false: true, true: false} {
		if v := judge(podIn("Pending", waiting(reasonInitializing, ""), restarted(ready))); v.doubtful != want {
			t.Errorf("restarted, ready = %v: doubtful = %v, want %v", ready, v.doubtful, want)
		}
	}
}

// TestPatienceIsResumed checks that an adopted Pod has waited since it was made, unless something
// else held it back.
func TestPatienceIsResumed(t *testing.T) {
	t.Parallel()
	now := time.Now()
	made, scheduled := now.Add(-time.Hour), now.Add(-time.Minute)
	for name, test := range map[string]struct {
		v                 verdict
		queue             string
		pending, doubtful time.Time
	}{
		"waits":         {verdict{made: made}, "", made, time.Time{}},
		"gated":         {verdict{made: made, gated: true}, "", now, time.Time{}},
		"was queued":    {verdict{made: made}, "batch", now, time.Time{}},
		"has no image":  {verdict{made: made, scheduled: scheduled, doubtful: true}, "", made, scheduled},
		"clocks differ": {verdict{made: now.Add(time.Hour)}, "", now, time.Time{}},
	} {
		s := &supervisor{Runner: &Runner{config: Config{Queue: test.queue}}, a: &attempt{seen: now}, pending: now}
		s.resume(test.v)
		if !s.pending.Equal(test.pending) || !s.doubtful.Equal(test.doubtful) {
			t.Errorf("%s: waits since %v, fails since %v, want %v and %v", name, s.pending, s.doubtful, test.pending, test.doubtful)
		}
	}
}

// TestEvictionIsExplained checks that the output says why a node ended a task, once.
func TestEvictionIsExplained(t *testing.T) {
	t.Parallel()
	pod := podIn("Failed", terminated(137, "Error"), reason(reasonEvicted))
	pod.Status.Message = "Pod ephemeral local storage usage exceeds 1Mi. "
	for lines, want := range []string{"runwith: the node evicted the task: Pod ephemeral local storage usage exceeds 1Mi.\n", ""} {
		var out strings.Builder
		a := &attempt{names: []string{"main"}, out: runner.Output{
			Stderr: &out, Kept: func() (stdout, stderr runner.Extent, err error) { return stdout, runner.Extent{Lines: lines}, nil },
		}}
		s := &supervisor{Runner: &Runner{log: slog.New(slog.DiscardHandler)}, a: a}
		s.explain(judge(pod))
		if out.String() != want {
			t.Errorf("with %d lines of an earlier server: stderr = %q, want %q", lines, out.String(), want)
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
