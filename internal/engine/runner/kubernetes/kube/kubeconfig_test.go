package kube_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// twoContexts is a kubeconfig as kubectl writes it.
const twoContexts = `apiVersion: v1
kind: Config
preferences: {}
clusters:
- name: here
  cluster: {server: "https://127.0.0.1:6443/", extensions: [{name: minikube, extension: {version: v1}}]}
- name: there
  cluster:
    server: there.example:443
    insecure-skip-tls-verify: true
users:
- name: ann
  user: {token: abc}
contexts:
- name: near
  context: {cluster: here, user: ann, namespace: jobs}
- name: far
  context: {cluster: there, user: ann}
current-context: near
`

// write writes a file and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConnectFindsTheCluster(t *testing.T) {
	t.Parallel()
	home, account := t.TempDir(), t.TempDir()
	write(t, home, ".kube/config", twoContexts)
	other := write(t, home, "other", strings.NewReplacer("current-context: near", "current-context: far", "namespace: jobs", "namespace: other").Replace(twoContexts))
	empty := write(t, home, "empty", "apiVersion: v1\nkind: Config\n")
	for name, text := range map[string]string{"token": "t", "namespace": "mine", "ca.crt": string(newServer(t, nil).authority)} {
		write(t, account, name, text)
	}
	inCluster := []string{"KUBERNETES_SERVICE_HOST=10.0.0.1", "KUBERNETES_SERVICE_PORT=443"}
	missing := filepath.Join(home, "missing")
	for _, tt := range []struct {
		name    string
		options kube.Options
		want    string
	}{
		{"home", kube.Options{Environ: []string{"HOME=" + home}}, `namespace "jobs" of cluster "here" at https://127.0.0.1:6443`},
		{"namespace", kube.Options{Environ: []string{"HOME=" + home}, Namespace: "n"}, `namespace "n" of cluster "here" at https://127.0.0.1:6443`},
		{"context", kube.Options{Environ: []string{"HOME=" + home}, Context: "far"}, `namespace "default" of cluster "there" at https://there.example:443`},
		{"explicit file", kube.Options{Environ: []string{"HOME=" + home, "KUBECONFIG=" + missing}, Kubeconfig: other}, `namespace "default" of cluster "there" at https://there.example:443`},
		{"first file wins", kube.Options{Environ: []string{"KUBECONFIG=" + strings.Join([]string{missing, other, filepath.Join(home, ".kube", "config")}, string(filepath.ListSeparator))}, Context: "near"}, `namespace "other" of cluster "here" at https://127.0.0.1:6443`},
		{"kubeconfig in a cluster", kube.Options{Environ: append(inCluster, "HOME="+home), ServiceAccount: account}, `namespace "jobs" of cluster "here" at https://127.0.0.1:6443`},
		{"in a cluster", kube.Options{Environ: append(inCluster, "KUBECONFIG="+empty), ServiceAccount: account}, `namespace "mine" of the cluster of this Pod at https://10.0.0.1:443`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := kube.Connect(tt.options)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.String(); got != tt.want {
				t.Errorf("Connect() = %s, want %s", got, tt.want)
			}
		})
	}
}

// withUser returns a kubeconfig whose only user has some fields.
func withUser(fields string) string {
	return `{"clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}], "users": [{"name": "u", "user": ` + fields + `}],
		"contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}], "current-context": "x"}`
}

// withCluster returns a kubeconfig whose only cluster has some fields.
func withCluster(fields string) string {
	return `{"clusters": [{"name": "c", "cluster": ` + fields + `}], "contexts": [{"name": "x", "context": {"cluster": "c"}}], "current-context": "x"}`
}

func TestConnectRefuses(t *testing.T) {
	t.Parallel()
	const secret = "c2VjcmV0IQ"
	for _, tt := range []struct {
		name, text string
		context    string
		want       string
	}{
		{"unknown context", twoContexts, "nowhere", `has no context "nowhere"; it has far, near`},
		{"no current context", strings.ReplaceAll(twoContexts, "current-context: near", ""), "", "has no current context: choose one with --kube-context; it has far, near"},
		{"unknown cluster", strings.ReplaceAll(twoContexts, "cluster: here", "cluster: lost"), "", `names cluster "lost"`},
		{"unknown user", strings.ReplaceAll(twoContexts, "user: ann", "user: bob"), "", `names user "bob"`},
		{"empty file", "", "", "no Kubernetes cluster is configured"},
		{"not YAML", "clusters: [{name: " + secret, "", "is not valid"},
		{"wrong type", "clusters: " + secret, "", "is not valid"},
		{"no server", withCluster(`{}`), "", `cluster "c" has no server`},
		{"no URL", withCluster(`{"server": "ftp://x"}`), "", "must be a URL such as"},
		{"authority is no Base64", withCluster(`{"server": "x", "certificate-authority-data": "` + secret + `"}`), "", "certificate-authority-data is not Base64"},
		{"authority is no PEM", withCluster(`{"server": "x", "certificate-authority-data": "YQ=="}`), "", "certificate-authority has no certificate in PEM"},
		{"authority is missing", withCluster(`{"server": "x", "certificate-authority": "ca.crt"}`), "", "read certificate-authority"},
		{"insecure with authority", withCluster(`{"server": "x", "insecure-skip-tls-verify": true, "certificate-authority-data": "YQ=="}`), "", "are both set: remove one"},
		{"auth-provider", withUser(`{"auth-provider": {"name": "gcp"}}`), "", `auth-provider "gcp" is not supported`},
		{"token and username", withUser(`{"token": "a", "username": "b"}`), "", "token and username are both set"},
		{"certificate without key", withUser(`{"client-certificate": "a"}`), "", "client-certificate is set without client-key"},
		{"key without certificate", withUser(`{"client-key-data": "YQ=="}`), "", "client-key is set without client-certificate"},
		{"groups without user", withUser(`{"token": "a", "as-groups": ["g"]}`), "", "need as"},
		{"plugin and token", withUser(`{"token": "a", "exec": {"command": "c"}}`), "", "exec and other credentials are both set"},
		{"plugin without command", withUser(`{"exec": {"apiVersion": "client.authentication.k8s.io/v1"}}`), "", "exec has no command"},
		{"plugin of an old version", withUser(`{"exec": {"command": "c", "apiVersion": "client.authentication.k8s.io/v1alpha1"}}`), "", "v1alpha1\" is not supported"},
		{"plugin with terminal", withUser(`{"exec": {"command": "c", "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Always"}}`), "", "asks for a terminal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := write(t, t.TempDir(), "config", tt.text)
			_, err := kube.Connect(kube.Options{Kubeconfig: path, Context: tt.context})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("Connect() = %v, want an error with %q", err, tt.want)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error has content of the file: %v", err)
			}
		})
	}
}

func TestConnectWithoutCluster(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing")
	for _, tt := range []struct {
		name    string
		options kube.Options
		want    string
	}{
		{"nothing", kube.Options{}, "no Kubernetes cluster is configured: name a file with --kubeconfig or in KUBECONFIG (looked at nothing"},
		{"variable", kube.Options{Environ: []string{"KUBECONFIG=" + missing}}, "looked at " + missing},
		{"explicit file", kube.Options{Kubeconfig: missing}, "kubeconfig " + missing + " does not exist"},
		{"context", kube.Options{Context: "x"}, `context "x": there is no kubeconfig with a context`},
		{"Pod without token", kube.Options{Environ: []string{"KUBERNETES_SERVICE_HOST=h", "KUBERNETES_SERVICE_PORT=1"}, ServiceAccount: missing}, "this Pod has no token of a service account"},
	} {
		_, err := kube.Connect(tt.options)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Connect() = %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}
