//go:build unix

package main

import (
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/kubetest"
	"github.com/runwith/runwith/internal/testneed"
)

// untilStopOrTerm is the script untilStop that names its attempt, and succeeds.
const untilStopOrTerm = `trap 'exit 9' TERM; echo "attempt $CLOUD_RUN_TASK_ATTEMPT"; until [ -e /tmp/stop ]; do sleep 0.1; done`

// interruptions returns how often tasks of an execution were interrupted.
func (e *podEngine) interruptions(t *testing.T, execution string) string {
	t.Helper()
	return e.execution(t, execution).GetAnnotations()[jobspec.InterruptedAnnotation]
}

// evicted evicts a task that runs.
func evicted(t *testing.T, e *podEngine) {
	loses(t, e, "evicted", e.namespace.Evict)
}

// deletedByHand deletes the Pod of a task that runs.
func deletedByHand(t *testing.T, e *podEngine) {
	loses(t, e, "by-hand", func(t testing.TB, pod string) { e.namespace.Kubectl(t, "delete", "pod", pod, "--wait=false") })
}

// loses runs a task, takes its Pod away, and checks that the same attempt runs again.
func loses(t *testing.T, e *podEngine, job string, take func(t testing.TB, pod string)) {
	t.Helper()
	x := e.execute(t, job, script(untilStopOrTerm, 1, 0), nil)
	e.awaitOutput(t, x, "attempt 0")
	take(t, e.pod(t, x, "t0-a0-i0"))
	e.awaitInterruption(t, x)
	e.letStop(t, x, "t0-a0-i1")
	end := e.awaitEnd(t, x)
	if end.GetSucceededCount() != 1 || end.GetRetriedCount() != 0 {
		t.Errorf("tasks succeeded and retried = %d, %d, want 1, 0", end.GetSucceededCount(), end.GetRetriedCount())
	}
	if n := e.interruptions(t, x); n != "1" {
		t.Errorf("interruptions = %q, want 1", n)
	}
	if output := e.output(t, x); strings.Count(output, "attempt 0\n") != 2 || strings.Contains(output, "attempt 1") {
		t.Errorf("output = %q, want attempt 0 twice", output)
	}
}

// noQuota is a quota that allows no Pods.
const noQuota = `{apiVersion: v1, kind: ResourceQuota, metadata: {name: none}, spec: {hard: {pods: 0}}}`

// TestKubernetesByQuota starts a task that has to wait for a quota: it shows the reason, does not
// count as running, and runs later.
func TestKubernetesByQuota(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	n := kubetest.Use(t).Namespace(t)
	n.Apply(t, noQuota)
	e := startPods(t, n, smallPods)
	x := e.execute(t, "waits", script("echo ran", 1, 0), nil)
	e.awaitReason(t, x, "exceeded quota: none")
	if running := e.execution(t, x).GetRunningCount(); running != 0 {
		t.Errorf("tasks that run = %d, want 0", running)
	}
	n.Kubectl(t, "delete", "resourcequota", "none")
	if end := e.awaitEnd(t, x); end.GetSucceededCount() != 1 {
		t.Errorf("tasks succeeded = %d, want 1", end.GetSucceededCount())
	}
	e.checkOutput(t, x, "ran\n")
	e.checkNoPods(t)
}

// awaitReason waits until the only task of an execution says why it has not started.
func (e *podEngine) awaitReason(t *testing.T, execution, reason string) {
	t.Helper()
	eventually.True(t, "the task waits because "+reason, func() bool {
		for _, c := range e.tasks(t, execution)[0].GetConditions() {
			if c.GetType() == "Started" && c.GetState().String() == "CONDITION_PENDING" && strings.Contains(c.GetMessage(), reason) {
				return true
			}
		}
		return false
	})
}
