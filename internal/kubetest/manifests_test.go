package kubetest_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/kubetest"
)

// TestManifests checks that a cluster accepts every object of deploy/kubernetes, without a
// warning about Pod security.
func TestManifests(t *testing.T) {
	t.Parallel()
	cluster := kubetest.Use(t)
	manifests := filepath.Join("..", "..", "deploy", "kubernetes")
	cluster.Kubectl(t, "apply", "--filename="+filepath.Join(manifests, "namespaces.yaml"))
	t.Cleanup(func() { cluster.Kubectl(t, "delete", "namespace", "runwith", "runwith-tasks", "--wait=false") })
	accepted := cluster.Kubectl(t, "apply", "--dry-run=server", "--warnings-as-errors", "--kustomize="+manifests)
	for _, object := range []string{"statefulset.apps/runwith-engine", "deployment.apps/runwith-invoker", "networkpolicy.networking.k8s.io/tasks", "role.rbac.authorization.k8s.io/runwith"} {
		if !strings.Contains(accepted, object+" ") {
			t.Errorf("the cluster accepted:\n%s\nwant %s, too", accepted, object)
		}
	}
}
