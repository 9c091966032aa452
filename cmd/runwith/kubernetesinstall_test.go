//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/image"
	"github.com/runwith/runwith/internal/kubetest"
	"github.com/runwith/runwith/internal/postgrestest"
	"github.com/runwith/runwith/internal/testneed"
)

// installedImage is runwith's image in the cluster.
const installedImage = "localhost/runwith-test/runwith"

// disk is a PersistentVolume for the engine: a folder of the node.
const disk = `apiVersion: v1
kind: PersistentVolume
metadata: {name: engine}
spec:
  capacity: {storage: 10Gi}
  accessModes: [ReadWriteOncePod]
  local: {path: %s}
  nodeAffinity:
    required:
      nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [%s]}]}]
`

// overlay is deploy/kubernetes with the test's image. The test's cluster has no Services, so the
// overlay also has the address of the API server.
const overlay = `resources: [%s]
images: [{name: test-invoke-job-api-svc, newName: %s, newTag: "1"}]
patches:
  - patch: |-
      apiVersion: apps/v1
      kind: StatefulSet
      metadata: {name: runwith-engine, namespace: runwith}
      spec:
        template:
          spec:
            containers:
              - name: engine
                env: [{name: KUBERNETES_SERVICE_HOST, value: %q}, {name: KUBERNETES_SERVICE_PORT, value: "%s"}]
`

// installation is deploy/kubernetes in a cluster.
type installation struct {
	*kubetest.Cluster
	kustomization string // the folder
}

// install follows docs/kubernetes.md up to a running engine and invokers.
func install(t *testing.T) *installation {
	t.Helper()
	store := postgrestest.Database(t)
	c := kubetest.StartOwn(t, kubetest.Options{Images: map[string]string{installedImage + ":1": archiveOfAPI(t)}})
	i := &installation{Cluster: c, kustomization: t.TempDir()}
	manifests, err := filepath.Abs(filepath.Join("..", "..", "deploy", "kubernetes"))
	if err == nil {
		manifests, err = filepath.Rel(i.kustomization, manifests)
	}
	if err != nil {
		t.Fatal(err)
	}
	server, port, _ := strings.Cut(strings.TrimPrefix(c.Kubectl(t, "config", "view", "--minify", "--output=jsonpath={.clusters[0].cluster.server}"), "https://"), ":")
	folder := filepath.Join(i.kustomization, "disk")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	i.write(t, "kustomization.yaml", fmt.Sprintf(overlay, manifests, installedImage, server, port))
	c.Kubectl(t, "apply", "--filename="+i.write(t, "disk.yaml", fmt.Sprintf(disk, folder, kubetest.Node)))
	c.Kubectl(t, "apply", "--filename="+filepath.Join("..", "..", "deploy", "kubernetes", "namespaces.yaml"))
	i.kubectl(t, "create", "secret", "generic", "runwith-store", "--from-literal=url="+postgrestest.NewRelayAt(t, c.Machine(t), store).Address)
	c.Kubectl(t, "apply", "--kustomize="+i.kustomization)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(i.kubectl(t, "describe", "pods"), i.kubectl(t, "get", "pods,pvc", "--output=wide"), i.kubectl(t, "logs", "--prefix", "--tail=20", "--selector=app.kubernetes.io/name in (runwith-engine, runwith-invoker)"))
		}
	})
	i.awaitEngine(t)
	return i
}

// archiveOfAPI builds runwith's image, and returns its archive.
func archiveOfAPI(t *testing.T) (path string) {
	t.Helper()
	built, err := image.API().Build(t.Context(), runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	text, err := image.Archive(installedImage+":1", built)
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "image"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := io.Copy(file, text); err != nil {
		t.Fatal(err)
	}
	return file.Name()
}

// write writes a file, and returns its path.
func (i *installation) write(t *testing.T, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(i.kustomization, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// kubectl runs kubectl in the namespace of runwith.
func (i *installation) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return i.Kubectl(t, append([]string{"--namespace=runwith"}, args...)...)
}

// awaitEngine waits until the engine is ready. Then it gives the invokers the engine's address,
// because the cluster has no name server.
func (i *installation) awaitEngine(t *testing.T) {
	t.Helper()
	i.kubectl(t, "rollout", "status", "statefulset/runwith-engine", "--timeout=5m")
	ip := i.kubectl(t, "get", "pod", "runwith-engine-0", "--output=jsonpath={.status.podIP}")
	i.kubectl(t, "patch", "deployment", "runwith-invoker", "--patch",
		`{"spec": {"template": {"spec": {"hostAliases": [{"ip": "`+ip+`", "hostnames": ["runwith-engine.runwith.svc"]}]}}}}`)
	i.kubectl(t, "rollout", "status", "deployment/runwith-invoker", "--timeout=5m")
}

// forward forwards a port of this machine to one of runwith's, until the test ends. It returns the
// URL.
func (i *installation) forward(t *testing.T, to string) string {
	t.Helper()
	command := i.Command("--namespace=runwith", "port-forward", to, ":8080")
	output, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	line, _ := bufio.NewReader(output).ReadString('\n')
	address, _, _ := strings.Cut(strings.TrimPrefix(line, "Forwarding from "), " ")
	return "http://" + address
}

// TestKubernetesInstalled installs deploy/kubernetes in a cluster, and starts a job by the invoker.
// The engine and the invokers are replaced while its task runs. In the end nothing is left.
func TestKubernetesInstalled(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	i := install(t)
	engine := &podEngine{server: &server{url: i.forward(t, "pod/runwith-engine-0")}}
	engine.create(t, "hello", script(untilStop, 1, 0))
	client := &runwith.Client{Server: i.forward(t, "deployment/runwith-invoker")}
	started, err := client.Start(t.Context(), "hello", "once", nil)
	if err != nil {
		t.Fatal(err)
	}
	eventually.True(t, "the task runs", func() bool { return strings.Contains(outputOf(t, client, started.ID), "begins") })
	pod := i.Kubectl(t, "--namespace=runwith-tasks", "get", "pods", "--output=name")

	i.kubectl(t, "delete", "pod", "runwith-engine-0")
	i.awaitEngine(t)
	client.Server = i.forward(t, "deployment/runwith-invoker")
	i.Kubectl(t, "--namespace=runwith-tasks", "exec", pod, "--", "touch", "/tmp/stop")
	again, err := client.Start(t.Context(), "hello", "once", nil)
	if err != nil || again.ID != started.ID {
		t.Errorf("the second start with the key = %v, %v, want invocation %s", again, err, started.ID)
	}
	ended, err := client.Wait(t.Context(), started.ID)
	if err != nil {
		t.Fatal(err)
	}
	if ended.State != runwith.StateFailed {
		t.Fatalf("state = %s, want failed", ended.State)
	}
	if ended.Error.ExitCode != 6 {
		t.Errorf("exit code = %d, want 6", ended.Error.ExitCode)
	}
	if ended.Attempts != 1 {
		t.Errorf("attempts = %d, want 1", ended.Attempts)
	}
	if got, want := outputOf(t, client, started.ID), "begins\n"+sequence(200)+"last\n"; got != want {
		t.Errorf("output = %q, want %q", got, want)
	}
	i.checkUninstall(t)
}

// checkUninstall uninstalls as docs/kubernetes.md says, while a task runs.
func (i *installation) checkUninstall(t *testing.T) {
	t.Helper()
	engine := &podEngine{server: &server{url: i.forward(t, "pod/runwith-engine-0")}}
	engine.execute(t, "left", script(untilStop, 1, 0), nil)
	tasks := func(args ...string) string {
		return i.Kubectl(t, append([]string{"--namespace=runwith-tasks"}, args...)...)
	}
	eventually.True(t, "the task has a Pod", func() bool { return tasks("get", "pods", "--output=name") != "" })
	i.kubectl(t, "delete", "deployment", "runwith-invoker")
	i.kubectl(t, "scale", "statefulset", "runwith-engine", "--replicas=0")
	i.kubectl(t, "wait", "--for=delete", "pod/runwith-engine-0", "--timeout=2m")
	id := tasks("get", "pods", `--output=jsonpath={.items[0].metadata.labels.runwith\.dev/engine}`)
	printed := shell{}.ok(t, "kubernetes", "cleanup", "--kubeconfig", i.Kubeconfig, "--namespace", "runwith-tasks", "--engine", id, "--yes")
	if want := "Pods removed: 1\n"; printed != want {
		t.Errorf("cleanup printed %q, want %q", printed, want)
	}
	i.Kubectl(t, "delete", "--kustomize="+i.kustomization, "--ignore-not-found", "--timeout=2m")
	if left := i.Kubectl(t, "get", "namespaces", "--selector=app.kubernetes.io/part-of=runwith", "--output=name"); left != "" {
		t.Errorf("there is %q, want nothing left", left)
	}
}
