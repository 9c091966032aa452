package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/kubetest"
)

// podEngine is an engine whose tasks are Pods.
type podEngine struct {
	*cloudRun
	server    *server
	namespace *namespace
}

// startEngine starts an engine with a patch of each Pod. The caller closes it.
func (k *namespace) startEngine(ctx context.Context, b *bench, name, kubeconfig, patch string) (_ *podEngine, err error) {
	data := filepath.Join(b.dir, "kubernetes-"+name)
	file := data + ".json"
	if err := os.WriteFile(file, []byte(patch), 0o600); err != nil {
		return nil, err
	}
	e := &podEngine{namespace: k}
	e.server, err = start(ctx, nil, readyLine, b.binary, "engine", "--addr", "127.0.0.1:0", "--data", data,
		"--runner", "kubernetes", "--kubeconfig", kubeconfig, "--namespace", k.Namespace,
		"--kubernetes-pod", file, "--max-tasks", strconv.Itoa(max(b.waiting, b.pods)))
	if err != nil {
		return nil, err
	}
	k.engines = append(k.engines, data)
	if e.cloudRun, err = dial(ctx, e.server.addr); err != nil {
		return nil, errors.Join(err, e.server.stop())
	}
	return e, nil
}

func (e *podEngine) close() error { return errors.Join(e.cloudRun.close(), e.server.stop()) }

// createJob creates a job of the image with a shell. A width of 0 is no limit.
func (e *podEngine) createJob(ctx context.Context, id string, tasks, width int, command ...string) error {
	return e.create(ctx, id, &runpb.ExecutionTemplate{TaskCount: int32(tasks), Parallelism: int32(width), Template: &runpb.TaskTemplate{
		Retries:    &runpb.TaskTemplate_MaxRetries{MaxRetries: 0},
		Containers: []*runpb.Container{{Image: kubetest.Shell, Command: command}},
	}})
}

// remove removes all Pods of engines, and the namespace. The context may have ended.
func (k *namespace) remove(ctx context.Context, b *bench) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	var errs []error
	for _, data := range k.engines {
		out, err := exec.CommandContext(ctx, b.binary, "kubernetes", "cleanup", "--yes",
			"--data", data, "--kubeconfig", k.kubeconfig, "--namespace", k.Namespace).CombinedOutput()
		if err != nil {
			errs = append(errs, fmt.Errorf("remove Pods: %w\n%s", err, out))
		}
	}
	_, err := k.call(ctx, http.MethodDelete, "/api/v1/namespaces/"+k.Namespace, nil)
	return errors.Join(append(errs, err)...)
}

// counter is a proxy before the API server that counts the requests of tasks.
type counter struct {
	kubeconfig string // of the proxy
	requests   atomic.Int64
	server     *http.Server
}

// startCounter starts a proxy. The caller closes it.
func (k *namespace) startCounter(ctx context.Context, b *bench) (*counter, error) {
	to, err := url.Parse(k.Server)
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &counter{kubeconfig: filepath.Join(b.dir, "counted.kubeconfig")}
	pass := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: k.HTTP.Transport, FlushInterval: -1,
	}
	c.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { //nolint:gosec // only the engine calls it
		if ofTask(q) {
			c.requests.Add(1)
		}
		pass.ServeHTTP(w, q)
	})}
	go func() { _ = c.server.Serve(listener) }() // it ends with close
	text := fmt.Sprintf(`{"current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c"}}], "clusters": [{"name": "c", "cluster": {"server": "http://%s"}}]}`, listener.Addr())
	if err := os.WriteFile(c.kubeconfig, []byte(text), 0o600); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// ofTask reports whether a request is for one task.
func ofTask(q *http.Request) bool {
	pods := strings.HasSuffix(q.URL.Path, "/pods") && q.Method == http.MethodPost
	return pods || strings.Contains(q.URL.Path, "/pods/")
}

func (c *counter) close() error { return c.server.Close() }
