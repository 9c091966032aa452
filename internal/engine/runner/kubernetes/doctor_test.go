package kubernetes

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// fakeCluster is an API server of some version and clock, whose namespace has some quotas.
type fakeCluster struct {
	minor  string
	clock  time.Duration // ahead of this machine's
	quotas string        // their status, as JSON
}

func (f fakeCluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", time.Now().Add(f.clock).UTC().Format(http.TimeFormat))
	answer := "{}"
	switch {
	case r.URL.Path == "/version":
		answer = `{"major": "1", "minor": "` + f.minor + `", "gitVersion": "v1.` + f.minor + `"}`
	case strings.HasSuffix(r.URL.Path, "/selfsubjectaccessreviews"):
		answer = `{"status": {"allowed": true}}`
	case strings.HasSuffix(r.URL.Path, "/resourcequotas"):
		answer = `{"items": [{"metadata": {"name": "small"}, "status": {` + f.quotas + `}}]}`
	}
	fmt.Fprint(w, answer)
}

// TestExamineNamesProblems checks what doctor says about clusters that tests cannot start.
func TestExamineNamesProblems(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cluster fakeCluster
		want    string
	}{
		"an old version":                     {fakeCluster{minor: "29+"}, "runs Kubernetes v1.29+; runwith needs 1.30 or later"},
		"the oldest version":                 {fakeCluster{minor: "30"}, "ok cluster: "},
		"a clock that is ahead":              {fakeCluster{minor: "35", clock: time.Hour + 30*time.Second}, "problem clock: the API server's clock differs by 1h0m"},
		"a clock that is behind":             {fakeCluster{minor: "35", clock: -time.Minute}, "problem clock: the API server's clock differs by -1m"},
		"clocks that nearly agree":           {fakeCluster{minor: "35", clock: 5 * time.Second}, "ok clock: "},
		"a quota that is used up":            {fakeCluster{minor: "35", quotas: `"hard": {"pods": "2"}, "used": {"pods": "2"}`}, "problem quota: small is used up: 2 pods; tasks wait until Pods end"},
		"a quota of objects that is used up": {fakeCluster{minor: "35", quotas: `"hard": {"count/pods": "2"}, "used": {"count/pods": "2"}`}, "problem quota: small is used up: 2 count/pods"},
		"a quota with room":                  {fakeCluster{minor: "35", quotas: `"hard": {"pods": "2"}, "used": {"pods": "1"}`}, "ok quota: small: 1 of 2 pods used"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(test.cluster)
			t.Cleanup(server.Close)
			file := filepath.Join(t.TempDir(), "kubeconfig")
			config := `{"clusters": [{"name": "c", "cluster": {"server": "` + server.URL + `"}}], "users": [{"name": "u", "user": {}}],
				"contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}], "current-context": "x"}`
			if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := examined(t, Config{Kubeconfig: file}, ""); !strings.Contains(got, test.want) {
				t.Errorf("findings:\n%swant %q", got, test.want)
			}
		})
	}
}
