package kubetest

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Namespace is a namespace of a test.
type Namespace struct {
	Name string
	// Kubeconfig is the file with the engine's credentials: those of a ServiceAccount that has the
	// Role of deploy/kubernetes in this namespace, and nothing more.
	Kubeconfig string
	// Admin is the file with the administrator's credentials.
	Admin string

	cluster *Cluster
}

// Namespace makes a namespace for a test, and deletes it with the test. Pods can be made in it at
// once.
func (c *Cluster) Namespace(t testing.TB) *Namespace {
	t.Helper()
	n := &Namespace{Name: "test-" + strings.ToLower(rand.Text()[:12]), Admin: c.Kubeconfig, cluster: c}
	c.Kubectl(t, "create", "namespace", n.Name)
	t.Cleanup(func() {
		if err := n.remove(); err != nil {
			t.Logf("remove namespace %s: %v", n.Name, err)
		}
	})
	n.Apply(t, strings.ReplaceAll(role, "kind: ServiceAccount, name: "+account, "kind: ServiceAccount, name: "+account+", namespace: "+n.Name))
	n.Kubectl(t, "wait", "--for=create", "--timeout=2m", "serviceaccount/default")
	n.Kubeconfig = n.engine(t)
	return n
}

// engine writes the kubeconfig of the engine.
func (n *Namespace) engine(t testing.TB) (file string) {
	t.Helper()
	address, err := n.cluster.address()
	if err != nil {
		t.Fatal(err)
	}
	server, trusted, _ := strings.Cut(address, " ")
	token := n.Kubectl(t, "create", "token", account, "--duration=24h")
	file = filepath.Join(t.TempDir(), "kubeconfig")
	text := "apiVersion: v1\nkind: Config\ncurrent-context: test\n" +
		"contexts:\n- name: test\n  context: {cluster: test, user: engine, namespace: " + n.Name + "}\n" +
		"clusters:\n- name: test\n  cluster: {server: '" + server + "', certificate-authority-data: '" + trusted + "'}\n" +
		"users:\n- name: engine\n  user: {token: '" + token + "'}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Kubectl runs kubectl as administrator in the namespace, and returns what it prints.
func (n *Namespace) Kubectl(t testing.TB, args ...string) string {
	t.Helper()
	return n.cluster.Kubectl(t, append([]string{"--namespace=" + n.Name}, args...)...)
}

// Try runs kubectl as Kubectl does, and returns its error.
func (n *Namespace) Try(args ...string) error {
	_, err := n.cluster.run("", append([]string{"--namespace=" + n.Name}, args...)...)
	return err
}

// Apply makes the objects of a YAML text in the namespace, as administrator.
func (n *Namespace) Apply(t testing.TB, yaml string) {
	t.Helper()
	if _, err := n.cluster.run(yaml, "--namespace="+n.Name, "apply", "--filename=-"); err != nil {
		t.Fatal(err)
	}
}

// remove deletes the namespace. Finalizers of its Pods would keep it for ever.
func (n *Namespace) remove() error {
	in := "--namespace=" + n.Name
	_, err := n.cluster.run("", in, "delete", "pods", "--all", "--force", "--wait=false")
	pods, e := n.cluster.run("", in, "get", "pods", "--output=name")
	err = errors.Join(err, e)
	for pod := range strings.FieldsSeq(pods) {
		_, e := n.cluster.run("", in, "patch", pod, "--type=merge", `--patch={"metadata": {"finalizers": null}}`)
		if e != nil && !strings.Contains(e.Error(), "NotFound") {
			err = errors.Join(err, e)
		}
	}
	_, e = n.cluster.run("", "delete", "namespace", n.Name, "--wait=false")
	return errors.Join(err, e)
}
