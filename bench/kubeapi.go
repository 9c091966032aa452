package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
	"github.com/runwith/runwith/internal/kubetest"
)

// namespace is a namespace of a cluster, whose API it calls with nothing in between. Its methods
// must not be called concurrently.
type namespace struct {
	*kube.Client
	kubeconfig string
	engines    []string // folders of data
}

// object is what the bench reads of an answer.
type object struct {
	Metadata struct {
		Name               string `json:"name"`
		ResourceVersion    string `json:"resourceVersion"`
		RemainingItemCount int    `json:"remainingItemCount"`
	} `json:"metadata"`
	Items  []json.RawMessage `json:"items"`
	Status struct {
		Conditions []struct{ Type, Status, Message string } `json:"conditions"`
		Containers []struct {
			State struct{ Running, Terminated *struct{} } `json:"state"`
		} `json:"containerStatuses"`
	} `json:"status"`
}

// openNamespace creates a namespace, and waits until the cluster accepts Pods in it.
func openNamespace(ctx context.Context, kubeconfig string) (*namespace, error) {
	client, err := kube.Connect(kube.Options{Kubeconfig: kubeconfig})
	if err != nil {
		return nil, err
	}
	k := &namespace{Client: client, kubeconfig: kubeconfig}
	made, err := k.call(ctx, http.MethodPost, "/api/v1/namespaces", map[string]any{"metadata": map[string]string{"generateName": "bench-"}})
	if err != nil {
		return nil, err
	}
	client.Namespace = made.Metadata.Name
	for { // the cluster refuses Pods until it has made their ServiceAccount
		accounts, err := k.call(ctx, http.MethodGet, k.in("api/v1", "serviceaccounts"), nil)
		if err != nil || len(accounts.Items) > 0 {
			return k, err
		}
		if err := pause(ctx, quiet); err != nil {
			return nil, err
		}
	}
}

// in returns the path of a kind of objects in the namespace.
func (k *namespace) in(api, kind string) string {
	return "/" + api + "/namespaces/" + k.Namespace + "/" + kind
}

// call calls the API. The body is an object, or nil.
func (k *namespace) call(ctx context.Context, method, path string, body any) (*object, error) {
	answer, err := k.send(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	into := new(object)
	return into, json.NewDecoder(answer).Decode(into)
}

// send sends a request and returns the body of the answer, which the caller closes.
func (k *namespace) send(ctx context.Context, method, path string, body any) (io.ReadCloser, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	q, err := http.NewRequestWithContext(ctx, method, k.Server+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Content-Type", "application/json")
	answer, err := k.HTTP.Do(q)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode/100 == 2 {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	return nil, errors.Join(fmt.Errorf("%s %s: %s\n%s", method, path, answer.Status, said), err)
}

// follow watches an object, or all objects since a list of them, until one is done.
func (k *namespace) follow(ctx context.Context, kind string, made *object, done func(*object) (bool, error)) error {
	query := url.Values{"watch": {"true"}, "resourceVersion": {made.Metadata.ResourceVersion}}
	if name := made.Metadata.Name; name != "" {
		query.Set("fieldSelector", "metadata.name="+name)
	}
	stream, err := k.send(ctx, http.MethodGet, kind+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	defer stream.Close()
	for events := json.NewDecoder(stream); ; {
		var event struct{ Object object }
		if err := events.Decode(&event); err != nil {
			return fmt.Errorf("watch %s: %w", strings.TrimSuffix(kind+"/"+made.Metadata.Name, "/"), err)
		}
		if is, err := done(&event.Object); is || err != nil {
			return err
		}
	}
}

// podSpec is the Pod of the floors. The patch gives the engine's Pods the same requests, so that
// many run on a small node.
func podSpec(command ...string) map[string]any {
	return map[string]any{
		"restartPolicy": "Never", "automountServiceAccountToken": false, "enableServiceLinks": false,
		"containers": []any{map[string]any{
			"name": "main", "image": kubetest.Shell, "command": command,
			"resources": map[string]any{
				"requests": map[string]string{"cpu": "10m", "memory": "8Mi"},
				"limits":   map[string]string{"cpu": "1", "memory": "512Mi"},
			},
		}},
	}
}

const podPatch = `{"spec": {"containers": [{"name": "main", "resources": {"requests": {"cpu": "10m", "memory": "8Mi"}}}]}}`

// runJob runs an Indexed Job to its end.
func (k *namespace) runJob(ctx context.Context, tasks, width int) error {
	jobs := k.in("apis/batch/v1", "jobs")
	made, err := k.call(ctx, http.MethodPost, jobs, map[string]any{
		"metadata": map[string]string{"generateName": "bench-"},
		"spec": map[string]any{
			"completionMode": "Indexed", "completions": tasks, "parallelism": width, "backoffLimit": 0,
			"ttlSecondsAfterFinished": 0, "template": map[string]any{"spec": podSpec("true")},
		},
	})
	if err != nil {
		return err
	}
	return k.follow(ctx, jobs, made, func(o *object) (bool, error) {
		for _, c := range o.Status.Conditions {
			if c.Status == "True" && c.Type == "Failed" {
				return true, fmt.Errorf("the Job failed: %s", c.Message)
			}
			if c.Status == "True" && c.Type == "Complete" {
				return true, nil
			}
		}
		return false, nil
	})
}

// startPod measures the time from the create of a Pod until it runs.
func (k *namespace) startPod(ctx context.Context) (float64, error) {
	pods := k.in("api/v1", "pods")
	began := time.Now()
	made, err := k.call(ctx, http.MethodPost, pods, map[string]any{
		"metadata": map[string]string{"generateName": "bench-"}, "spec": podSpec(brief...),
	})
	if err != nil {
		return 0, err
	}
	err = k.follow(ctx, pods, made, begun)
	took := time.Since(began).Seconds()
	if err != nil {
		return 0, err
	}
	if err := k.follow(ctx, pods, made, ended); err != nil {
		return 0, err
	}
	_, err = k.call(ctx, http.MethodDelete, pods+"/"+made.Metadata.Name, nil)
	return took, errors.Join(err, k.settle(ctx))
}

// begun reports whether the container of a Pod runs, or has run.
func begun(pod *object) (bool, error) {
	of := pod.Status.Containers
	return len(of) > 0 && (of[0].State.Running != nil || of[0].State.Terminated != nil), nil
}

// ended reports whether the container of a Pod has run.
func ended(pod *object) (bool, error) {
	of := pod.Status.Containers
	return len(of) > 0 && of[0].State.Terminated != nil, nil
}

// settle waits until the namespace has no Pods, so that one turn does not slow the next.
func (k *namespace) settle(ctx context.Context) error {
	return k.await(ctx, 0)
}

// await waits until the namespace has a number of Pods.
func (k *namespace) await(ctx context.Context, pods int) error {
	for {
		page, err := k.call(ctx, http.MethodGet, k.in("api/v1", "pods?limit=1"), nil)
		if err != nil || len(page.Items)+page.Metadata.RemainingItemCount == pods {
			return err
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}
