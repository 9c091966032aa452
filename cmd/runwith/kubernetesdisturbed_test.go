//go:build unix

package main

import (
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/kubetest"
	"github.com/runwith/runwith/internal/testneed"
)

// TestKubernetesDisturbed disturbs a cluster in one way after the other, while a task runs in it. The
// engine runs all the time.
func TestKubernetesDisturbed(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	c := kubetest.StartOwn(t, kubetest.Options{LogSize: "1Mi", Flags: map[kubetest.Component][]string{
		kubetest.Controllers: {"--node-monitor-grace-period=90s"}, // until a node counts as dead
	}})
	e := startPods(t, c.Namespace(t), smallPods)
	for _, way := range []struct {
		name    string
		disturb func(*testing.T, *kubetest.Cluster, *podEngine)
	}{
		{"APIServerRestarts", apiServerRestarts},
		{"APIServerIsAway", apiServerIsAway},
		{"LogsAreRotated", logsAreRotated},
		{"NodeLosesPower", nodeLosesPower},
		{"KubeletIsAway", kubeletIsAway},
		{"PodIsDeletedByForce", podIsDeletedByForce},
		{"NodeIsRemoved", nodeIsRemoved},
	} {
		if !t.Run(way.name, func(t *testing.T) { way.disturb(t, c, e) }) {
			return // the cluster may be broken
		}
	}
}

// apiServerRestarts restarts the API server.
func apiServerRestarts(t *testing.T, c *kubetest.Cluster, e *podEngine) {
	x := e.runUntilStop(t, "api-server-restarts")
	c.Kill(t, kubetest.APIServer)
	c.Start(t, kubetest.APIServer)
	e.letStop(t, x, "t0-a0-i0")
	e.checkUntilStop(t, x)
}

// kubeletIsAway ends the kubelet until its node counts as dead, after 90 seconds.
func kubeletIsAway(t *testing.T, c *kubetest.Cluster, e *podEngine) {
	x := e.runUntilStop(t, "kubelet-is-away")
	c.Kill(t, kubetest.Kubelet)
	c.Kubectl(t, "wait", "--for=condition=Ready=Unknown", "--timeout=4m", "node/"+kubetest.Node)
	c.Start(t, kubetest.Kubelet)
	e.letStop(t, x, "t0-a0-i0")
	e.checkUntilStop(t, x)
}

// nodeIsRemoved removes the node, which comes back.
func nodeIsRemoved(t *testing.T, c *kubetest.Cluster, e *podEngine) {
	x := e.runUntilStop(t, "node-is-removed")
	c.Kill(t, kubetest.Kubelet)
	c.Kubectl(t, "delete", "node", kubetest.Node)
	// The cluster takes a minute or two to give the Pod up.
	e.namespace.Kubectl(t, "wait", "--for=jsonpath={.status.phase}=Failed", "--timeout=5m", "pods", "--all")
	e.awaitInterruption(t, x)
	c.Start(t, kubetest.Kubelet)
	e.checkSecondBegin(t, x)
}

// awaitInterruption waits until the engine has recorded that the task was interrupted. It may take
// long, so that nothing asks the engine.
func (e *podEngine) awaitInterruption(t *testing.T, execution string) {
	t.Helper()
	eventually.True(t, "the engine says that the task was interrupted", func() bool {
		for line := range strings.Lines(e.said()) {
			if strings.Contains(line, "a running task was interrupted") && strings.Contains(line, execution) {
				return true
			}
		}
		return false
	})
}

// checkSecondBegin waits until the script untilStop has begun twice, lets it end, and checks that.
func (e *podEngine) checkSecondBegin(t *testing.T, execution string) {
	t.Helper()
	eventually.True(t, "the task runs again", func() bool { return begunAgain.MatchString(e.output(t, execution)) })
	e.letStop(t, execution, "t0-a0-i1")
	e.checkUntilStopAgain(t, execution)
}
