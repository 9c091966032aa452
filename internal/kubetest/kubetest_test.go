package kubetest_test

import (
	"testing"

	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/kubetest"
)

// run makes a Pod that runs a script, and waits for its end.
func run(t *testing.T, n *kubetest.Namespace, name, script string) (phase string) {
	t.Helper()
	n.Kubectl(t, "run", name, "--image="+kubetest.Shell, "--restart=Never", "--command", "--", "sh", "-c", script)
	eventually.True(t, name+" has ended", func() bool {
		phase = n.Kubectl(t, "get", "pod", name, "--output=jsonpath={.status.phase}")
		return phase == "Succeeded" || phase == "Failed"
	})
	return phase
}

func TestPodRuns(t *testing.T) {
	t.Parallel()
	n := kubetest.Use(t).Namespace(t)
	if phase := run(t, n, "fails", "echo hello; exit 3"); phase != "Failed" {
		t.Errorf("a Pod that exits with 3: phase = %s, want Failed", phase)
	}
	if out := n.Kubectl(t, "logs", "fails"); out != "hello" {
		t.Errorf("its log = %q, want hello", out)
	}
}
