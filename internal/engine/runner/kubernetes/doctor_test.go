package kubernetes

import (
	"os"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/kubetest"
)

// examined returns the findings about a cluster, a line each.
func examined(t *testing.T, c Config, image string) string {
	t.Helper()
	var all strings.Builder
	Examine(t.Context(), c, image, func(f Finding) {
		status := "ok"
		if f.Problem {
			status = "problem"
		}
		if f.Skipped {
			status = "skipped"
		}
		all.WriteString(status + " " + f.Check + ": " + f.Text + "\n")
	})
	return all.String()
}

// TestExamine checks that the engine's Role is enough, and that what is missing is named.
func TestExamine(t *testing.T) {
	t.Parallel()
	cluster := kubetest.Use(t)
	n := cluster.Namespace(t)
	for name, test := range map[string]struct {
		config Config
		image  string
		want   []string
	}{
		"with the Role": {Config{Kubeconfig: n.Kubeconfig}, kubetest.Shell, []string{
			"ok cluster: ", "ok clock: ", "ok permission: all 10 are there", "skipped quota: ", "ok pod: ", "ok image: node node has pulled " + kubetest.Shell,
		}},
		"without an image": {Config{Kubeconfig: n.Kubeconfig}, "", []string{"ok pod: ", "skipped image: "}},
		"an image that is not there": {Config{Kubeconfig: n.Admin, Namespace: n.Name}, "localhost/none:1", []string{
			"ok quota: none", "problem image: localhost/none:1 cannot be pulled: ErrImagePull",
		}},
		"in a namespace without the Role": {Config{Kubeconfig: n.Kubeconfig, Namespace: "default"}, "", []string{
			`problem permission: create pods is missing in namespace "default"`, "problem permission: get pods/log is missing", "problem permission: update leases.coordination.k8s.io is missing",
		}},
		"no such namespace": {Config{Kubeconfig: n.Admin, Namespace: "nowhere"}, "", []string{`problem pod: namespace "nowhere" does not exist`}},
		"no such file":      {Config{Kubeconfig: "/nowhere/kubeconfig"}, "", []string{"problem cluster: kubeconfig /nowhere/kubeconfig does not exist"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.config.Environ = os.Environ()
			got := examined(t, test.config, test.image)
			for _, want := range test.want {
				if !strings.Contains(got, want) {
					t.Errorf("findings:\n%swant %q", got, want)
				}
			}
		})
	}
}
