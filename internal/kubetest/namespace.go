package kubetest

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
	"github.com/runwith/runwith/internal/eventually"
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
	if err := c.create("/api/v1/namespaces", `{"metadata": {"name": "`+n.Name+`"}}`, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.remove(); err != nil {
			t.Logf("remove namespace %s: %v", n.Name, err)
		}
	})
	if err := n.grant(); err != nil {
		t.Fatal(err)
	}
	n.Kubeconfig = n.engine(t)
	n.await(t)
	return n
}

// grant makes the engine's account, and gives it its Role.
func (n *Namespace) grant() error {
	of := map[string]string{"ServiceAccount": n.core("serviceaccounts"), "Role": n.rbac("roles"), "RoleBinding": n.rbac("rolebindings")}
	subject := "kind: ServiceAccount, name: " + account
	for document := range strings.SplitSeq(strings.ReplaceAll(role, subject, subject+", namespace: "+n.Name), "\n---") {
		text, err := kube.JSON([]byte(document))
		if err != nil {
			return err
		}
		var object struct{ Kind string }
		if err := json.Unmarshal(text, &object); err != nil {
			return err
		}
		if err := n.cluster.create(of[object.Kind], string(text), nil); err != nil {
			return err
		}
	}
	return nil
}

func (n *Namespace) core(below string) string { return "/api/v1/namespaces/" + n.Name + "/" + below }

func (n *Namespace) rbac(below string) string {
	return "/apis/rbac.authorization.k8s.io/v1/namespaces/" + n.Name + "/" + below
}

// engine writes the kubeconfig of the engine.
func (n *Namespace) engine(t testing.TB) (file string) {
	t.Helper()
	address, err := n.cluster.address()
	if err != nil {
		t.Fatal(err)
	}
	server, trusted, _ := strings.Cut(address, " ")
	var answer struct{ Status struct{ Token string } }
	if err := n.cluster.create(n.core("serviceaccounts/"+account+"/token"), `{"spec": {"expirationSeconds": 86400}}`, &answer); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "kubeconfig")
	text := "apiVersion: v1\nkind: Config\ncurrent-context: test\n" +
		"contexts:\n- name: test\n  context: {cluster: test, user: engine, namespace: " + n.Name + "}\n" +
		"clusters:\n- name: test\n  cluster: {server: '" + server + "', certificate-authority-data: '" + trusted + "'}\n" +
		"users:\n- name: engine\n  user: {token: '" + answer.Status.Token + "'}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// await waits until Pods have an account to run as, and the engine has its Role.
func (n *Namespace) await(t testing.TB) {
	t.Helper()
	engine, err := n.cluster.connect(n.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	eventually.NoError(t, func() error { return n.cluster.get(n.core("serviceaccounts/default"), nil) })
	eventually.NoError(t, func() error {
		allowed, reason, err := engine.CanI(t.Context(), kube.Access{Verb: "create", Resource: "pods"})
		if err == nil && !allowed {
			err = fmt.Errorf("the engine may not create Pods: %s", reason)
		}
		return err
	})
}

// Pods returns the names of the namespace's Pods.
func (n *Namespace) Pods(t testing.TB) []string {
	t.Helper()
	pods, err := n.pods()
	if err != nil {
		t.Fatal(err)
	}
	return pods
}

func (n *Namespace) pods() (names []string, err error) {
	var found struct {
		Items []struct{ Metadata struct{ Name string } }
	}
	err = n.cluster.get(n.core("pods"), &found)
	for _, pod := range found.Items {
		names = append(names, pod.Metadata.Name)
	}
	return names, err
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

// Evict evicts a Pod, as kubectl drain does.
// https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
func (n *Namespace) Evict(t testing.TB, pod string) {
	t.Helper()
	eviction := `{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "` + pod + `"}}`
	if err := n.cluster.create(n.core("pods/"+pod+"/eviction"), eviction, nil); err != nil {
		t.Fatal(err)
	}
}

// remove deletes the namespace. Finalizers of its Pods would keep it for ever.
func (n *Namespace) remove() error {
	c := n.cluster
	err := c.delete(n.core("pods?gracePeriodSeconds=0"))
	pods, e := n.pods()
	err = errors.Join(err, e)
	for _, pod := range pods {
		e := c.send(http.MethodPatch, n.core("pods/"+pod), mergePatchType, `{"metadata": {"finalizers": null}}`, nil)
		if !errors.Is(e, errNotFound) {
			err = errors.Join(err, e)
		}
	}
	return errors.Join(err, c.delete("/api/v1/namespaces/"+n.Name))
}
