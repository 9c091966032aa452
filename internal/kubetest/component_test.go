package kubetest_test

import (
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/kubetest"
)

// TestPodOutlivesComponents kills parts of a cluster, one after the other, while a Pod runs.
func TestPodOutlivesComponents(t *testing.T) {
	t.Parallel()
	c := kubetest.StartOwn(t, kubetest.Options{})
	n := c.Namespace(t)
	const script = "echo began; until [ -e /tmp/stop ]; do sleep 0.1; done; exit 5"
	n.Kubectl(t, "run", "stays", "--image="+kubetest.Shell, "--restart=Never", "--command", "--", "sh", "-c", script)
	n.Kubectl(t, "wait", "--for=condition=Ready", "--timeout=2m", "pod/stays")

	for _, component := range []kubetest.Component{kubetest.Etcd, kubetest.APIServer, kubetest.Scheduler, kubetest.Kubelet} {
		c.Kill(t, component)
		c.Start(t, component)
	}
	eventually.NoError(t, func() error { return n.Try("exec", "stays", "--", "touch", "/tmp/stop") })
	eventually.True(t, "the Pod has failed", func() bool {
		return n.Kubectl(t, "get", "pod", "stays", "--output=jsonpath={.status.phase}") == "Failed"
	})
	const code = "--output=jsonpath={.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].state.terminated.exitCode}"
	if got := n.Kubectl(t, "get", "pod", "stays", code); got != "0 5" {
		t.Errorf("restarts and exit code = %q, want %q", got, "0 5")
	}
}

// TestRoleIsNarrow checks that the engine's credentials allow its work and nothing else.
func TestRoleIsNarrow(t *testing.T) {
	t.Parallel()
	n := kubetest.Use(t).Namespace(t)
	for _, test := range []struct {
		may  bool
		what string
	}{
		{true, "create pods"},
		{true, "get pods --subresource=log"},
		{false, "get secrets"},
		{false, "create pods --subresource=exec"},
		{false, "create pods --namespace=default"},
		{false, "list nodes"},
	} {
		err := n.Try(append([]string{"auth", "can-i", "--quiet", "--kubeconfig=" + n.Kubeconfig}, strings.Fields(test.what)...)...)
		if may := err == nil; may != test.may {
			t.Errorf("the engine may %s: %t, want %t", test.what, may, test.may)
		}
	}
}
