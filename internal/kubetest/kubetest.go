// Package kubetest gives tests a real Kubernetes. [Use] returns a cluster that all tests of a
// process share, and [StartOwn] one of the test's own, whose parts may be killed. Each test works
// in a namespace of its own: see [Cluster.Namespace].
//
// A cluster has one node, in namespaces of the operating system: see the command in cluster. It
// ends with the process, even if that is killed. It has no DNS and no Services, because it has no
// kube-proxy. Pods reach this machine at [Cluster.Machine], and no other.
package kubetest

import (
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
	"github.com/runwith/runwith/internal/testneed"
)

// The images that a cluster has. No registry has them.
const (
	Shell = "localhost/runwith-test/shell:1" // busybox
	Suite = "localhost/runwith-test/suite:1" // the program of runnertest, as /program
	Job   = "localhost/runwith-test/job:1"   // the sample job, with the argument "of-the-image"
	Bare  = "localhost/runwith-test/bare:1"  // the sample job as /test-job, without a command
)

// Component is a program of a cluster.
type Component string

// The components.
const (
	Etcd        Component = "etcd"
	APIServer   Component = "apiserver"
	Controllers Component = "controllers"
	Scheduler   Component = "scheduler"
	Containerd  Component = "containerd"
	Kubelet     Component = "kubelet"
)

// Node is the name of the only node.
const Node = "node"

// Options describes a cluster. The zero value has Kubernetes' defaults.
type Options struct {
	// Gates are feature gates, such as "PodLogsQuerySplitStreams=true".
	Gates []string
	// LogSize is the size at which the log of a container is rotated: "1Mi". Empty is 10Mi. With a
	// size, the node looks every three seconds, and not every ten.
	LogSize string
	// Images are archives of more images, by name.
	Images map[string]string
	// Flags are more flags, such as "--max-requests-inflight=5".
	Flags map[Component][]string
}

// Cluster is a cluster. Its methods may run at the same time.
type Cluster struct {
	// Kubeconfig is the file with the administrator's credentials.
	Kubeconfig string

	kubectl []string               // the command
	server  *server                // nil if the cluster is somebody else's
	address func() (string, error) // the server's URL and, after a space, its certificates in base64
	admin   func() (*kube.Client, error)
}

// shared opens the cluster of all tests of this process. The operating system ends it.
var shared = sync.OnceValues(func() (*Cluster, error) {
	return Open(Options{})
})

// Use returns a cluster that tests share: the one that [testneed.KubeconfigVariable] names, or one
// that this process starts. Without a way to start one, the test fails if [testneed.Variable] lists
// kubernetes, and is skipped otherwise.
func Use(t testing.TB) *Cluster {
	t.Helper()
	c, err := shared()
	need(t, err)
	return c
}

// StartOwn starts a cluster for one test, and ends it with the test. See [Use] for what happens
// without a way to start one.
func StartOwn(t testing.TB, o Options) *Cluster {
	t.Helper()
	c, err := start(o)
	need(t, err)
	t.Cleanup(func() {
		if err := c.server.end(); err != nil {
			t.Errorf("end Kubernetes: %v", err)
		}
	})
	return c
}

// Open returns a cluster for a program that is no test: the one that [testneed.KubeconfigVariable]
// names, or one that it starts. Without a way to start one, the error is [ErrAbsent]. The caller
// closes the cluster.
func Open(o Options) (*Cluster, error) {
	if file := testneed.Kubeconfig(); file != "" {
		command, err := kubectl()
		if err != nil {
			return nil, err
		}
		return newCluster(file, command, nil), nil
	}
	return start(o)
}

// Own reports whether Open started the cluster.
func (c *Cluster) Own() bool { return c.server != nil }

// Close ends a cluster that Open started, with all that is in it.
func (c *Cluster) Close() error {
	if c.server == nil {
		return nil
	}
	return c.server.end()
}

// start starts a cluster.
func start(o Options) (*Cluster, error) {
	program := testneed.Kubernetes()
	if program == "" {
		return nil, absent(errors.New("set " + testneed.KubernetesVariable + " to the file that tools/kubernetes/build.sh makes, or " + testneed.KubeconfigVariable + " to the kubeconfig of a cluster"))
	}
	if err := able(); err != nil {
		return nil, absent(err)
	}
	args := []string{"-kubernetes=" + program, "-gates=" + strings.Join(o.Gates, ",")}
	if o.LogSize != "" {
		args = append(args, "-log-size="+o.LogSize)
	}
	for name, archive := range o.Images {
		args = append(args, "-image="+name+"="+archive)
	}
	for component, flags := range o.Flags {
		for _, flag := range flags {
			args = append(args, fmt.Sprintf("-flag=%s=%s", component, flag))
		}
	}
	s, err := serve(args)
	if err != nil {
		return nil, fmt.Errorf("start Kubernetes: %w", err)
	}
	return newCluster(s.kubeconfig, []string{program, "kubectl"}, s), nil
}

func newCluster(kubeconfig string, kubectl []string, s *server) *Cluster {
	c := &Cluster{Kubeconfig: kubeconfig, kubectl: kubectl, server: s}
	c.admin = sync.OnceValues(func() (*kube.Client, error) { return c.connect(kubeconfig) })
	c.address = sync.OnceValues(func() (string, error) {
		const of = "{.clusters[0].cluster"
		return c.run("", "config", "view", "--raw", "--minify", "--flatten", "--output=jsonpath="+of+".server} "+of+".certificate-authority-data}")
	})
	return c
}

// ErrAbsent is the error on a machine that cannot run Kubernetes.
var ErrAbsent = errors.New("there is no Kubernetes")

func absent(err error) error { return fmt.Errorf("%w: %w", ErrAbsent, err) }

// need ends the test if there is no cluster.
func need(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrAbsent) {
		testneed.Missing(t, "kubernetes", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// kubectl returns the command for a cluster that somebody else started.
func kubectl() ([]string, error) {
	if program := testneed.Kubernetes(); program != "" {
		return []string{program, "kubectl"}, nil
	}
	program, err := exec.LookPath("kubectl")
	if err != nil {
		return nil, absent(err)
	}
	return []string{program}, nil
}

// Kubectl runs kubectl as administrator, and returns what it prints.
func (c *Cluster) Kubectl(t testing.TB, args ...string) string {
	t.Helper()
	out, err := c.run("", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Command returns a command that runs kubectl as administrator.
func (c *Cluster) Command(args ...string) *exec.Cmd {
	command := exec.Command(c.kubectl[0], append(c.kubectl[1:len(c.kubectl):len(c.kubectl)], args...)...)
	command.Env = append(command.Environ(), "KUBECONFIG="+c.Kubeconfig)
	return command
}

// run runs kubectl as administrator, with a text as its standard input.
func (c *Cluster) run(input string, args ...string) (out string, err error) {
	command := c.Command(args...)
	command.Stdin = strings.NewReader(input)
	text, err := command.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, exit.Stderr)
	}
	return strings.TrimSpace(string(text)), err
}

// Machine returns the address of this machine as Pods see it. It is empty if the cluster is
// somebody else's.
func (c *Cluster) Machine(t testing.TB) (ip string) {
	t.Helper()
	address, err := c.address()
	if err != nil {
		t.Fatal(err)
	}
	server, _, _ := strings.Cut(address, " ")
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(u.Host, "198.18.") {
		return ""
	}
	network, _, _ := strings.Cut(u.Host, ":")
	return strings.TrimSuffix(network, path.Ext(network)) + ".1"
}
