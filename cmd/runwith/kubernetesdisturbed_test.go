//go:build unix

package main

import (
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/kubetest"
)

// TestKubernetesDisturbed kills parts of a cluster, one after the other, while a task runs in it. The
// engine runs all the time.
func TestKubernetesDisturbed(t *testing.T) {
	t.Parallel()
	c := kubetest.StartOwn(t, kubetest.Options{Flags: map[kubetest.Component][]string{
		kubetest.Controllers: {"--node-monitor-grace-period=20s"}, // until a node counts as dead
	}})
	e := startPods(t, c.Namespace(t), smallPods)

	t.Log("the API server restarts")
	x := e.runUntilStop(t, "api-server-restarts")
	c.Kill(t, kubetest.APIServer)
	c.Start(t, kubetest.APIServer)
	e.letStop(t)
	e.checkUntilStop(t, x)

	t.Log("the kubelet is away until its node counts as dead")
	x = e.runUntilStop(t, "kubelet-is-away")
	c.Kill(t, kubetest.Kubelet)
	c.Kubectl(t, "wait", "--for=condition=Ready=Unknown", "--timeout=2m", "node/"+kubetest.Node)
	c.Start(t, kubetest.Kubelet)
	e.letStop(t)
	e.checkUntilStop(t, x)

	t.Log("the node is removed, and comes back")
	x = e.runUntilStop(t, "node-is-removed")
	c.Kill(t, kubetest.Kubelet)
	c.Kubectl(t, "delete", "node", kubetest.Node)
	// The cluster takes a minute or two to give the Pod up.
	e.namespace.Kubectl(t, "wait", "--for=jsonpath={.status.phase}=Failed", "--timeout=5m", "pods", "--all")
	e.awaitInterruption(t)
	c.Start(t, kubetest.Kubelet)
	e.awaitSecondBegin(t, x)
	e.letStop(t)
	e.checkUntilStopAgain(t, x)
}

// awaitInterruption waits until the engine has recorded that a task was interrupted.
func (e *podEngine) awaitInterruption(t *testing.T) {
	t.Helper()
	eventually.True(t, "the engine says that a task was interrupted", func() bool {
		return strings.Contains(e.said(), "a running task was interrupted")
	})
}

// awaitSecondBegin waits until the script untilStop has begun twice.
func (e *podEngine) awaitSecondBegin(t *testing.T, execution string) {
	t.Helper()
	eventually.True(t, "the task runs again", func() bool { return begunAgain.MatchString(e.output(t, execution)) })
}
