package kubernetes

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// patched returns a Pod with one sidecar after a patch.
func patched(t *testing.T, patch string) *kube.Pod {
	t.Helper()
	template := task(&runpb.Container{Name: "app", Env: []*runpb.EnvVar{{Name: "A", Values: &runpb.EnvVar_Value{Value: "1"}}}})
	template.Containers = append(template.Containers, &runpb.Container{Name: "side", Image: "localhost/box:1"})
	return decode(t, patchedJSON(t, patch, template))
}

func patchedJSON(t *testing.T, patch string, template *runpb.TaskTemplate) []byte {
	t.Helper()
	c := &Config{Dir: "d", Patch: []byte(patch)}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	text, err := c.podJSON(podOf(t, c, template))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func decode(t *testing.T, text []byte) *kube.Pod {
	t.Helper()
	pod := new(kube.Pod)
	if err := json.Unmarshal(text, pod); err != nil {
		t.Fatal(err)
	}
	return pod
}

func TestPatchMergesObjects(t *testing.T) {
	t.Parallel()
	pod := patched(t, `{"kind": "Pod", "apiVersion": "v1", "metadata": {"labels": {"team": "a"}}, "spec": {"nodeSelector": {"disk": "ssd"}, "securityContext": {"runAsUser": 7}}}`)
	if pod.Metadata.Labels["team"] != "a" || pod.Metadata.Labels[engineLabel] != "engine" {
		t.Errorf("labels = %v, want the patch's and the runner's", pod.Metadata.Labels)
	}
	if pod.Spec.SecurityContext.SeccompProfile.Type != "RuntimeDefault" {
		t.Errorf("security context = %v, want the seccomp profile kept", pod.Spec.SecurityContext)
	}
}

func TestPatchRemovesWithNull(t *testing.T) {
	t.Parallel()
	pod := patched(t, `{"metadata": {"annotations": {"karpenter.sh/do-not-disrupt": null, "new": null}}, "spec": {"securityContext": null}}`)
	want := map[string]string{idAnnotation: testID().String(), safeToEvict: "false"}
	if diff := cmp.Diff(want, pod.Metadata.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	if pod.Spec.SecurityContext != nil {
		t.Errorf("security context = %v, want none", pod.Spec.SecurityContext)
	}
}

func TestPatchOfOneContainer(t *testing.T) {
	t.Parallel()
	pod := patched(t, `{"spec": {"containers": [{"name": "app", "imagePullPolicy": "Never", "env": [{"name": "A", "value": "2"}, {"name": "B", "value": "3"}]}]}}`)
	app := pod.Spec.Containers[0]
	if app.ImagePullPolicy != "Never" || app.Image != "localhost/box:1" {
		t.Errorf("container = %+v, want the policy added and the image kept", app)
	}
	if diff := cmp.Diff([]kube.EnvVar{{Name: "A", Value: "2"}, {Name: "B", Value: "3"}}, app.Env); diff != "" {
		t.Errorf("env (-want +got):\n%s", diff)
	}
}

func TestPatchOfEveryContainer(t *testing.T) {
	t.Parallel()
	every := `[{"name": "*", "imagePullPolicy": "Never", "securityContext": {"allowPrivilegeEscalation": true}}]`
	pod := patched(t, `{"spec": {"containers": `+every+`, "initContainers": `+every+`}}`)
	for _, c := range append(pod.Spec.Containers, pod.Spec.InitContainers...) {
		if c.ImagePullPolicy != "Never" || !*c.SecurityContext.AllowPrivilegeEscalation {
			t.Errorf("container %s = %+v, want both fields of the patch", c.Name, c)
		}
	}
}

func TestPatchRemovesFromEveryContainer(t *testing.T) {
	t.Parallel()
	pod := patched(t, `{"spec": {"containers": [{"name": "*", "securityContext": null}]}}`)
	if got := pod.Spec.Containers[0].SecurityContext; got != nil {
		t.Errorf("security context = %+v, want none", got)
	}
}

// TestPatchOfAnotherJobsContainer checks that an element without an image, for a container that
// this job does not have, adds none.
func TestPatchOfAnotherJobsContainer(t *testing.T) {
	t.Parallel()
	pod := patched(t, `{"spec": {"containers": [{"name": "other", "workingDir": "/"}], "initContainers": [{"name": "setup", "image": "localhost/box:1"}]}}`)
	if len(pod.Spec.Containers) != 1 {
		t.Errorf("containers = %+v, want app alone", pod.Spec.Containers)
	}
	if n := len(pod.Spec.InitContainers); n != 2 || pod.Spec.InitContainers[1].Name != "setup" {
		t.Errorf("init containers = %+v, want side and then setup", pod.Spec.InitContainers)
	}
}

// TestPatchOfUnknownFields checks that fields reach the cluster that package kube does not have,
// with their digits.
func TestPatchOfUnknownFields(t *testing.T) {
	t.Parallel()
	text := string(patchedJSON(t, `{"spec": {"tolerations": [{"key": "gpu", "operator": "Exists", "value": null}], "priority": 1000000001, "imagePullSecrets": [{"name": "registry"}]}}`, task(&runpb.Container{})))
	for _, want := range []string{`"tolerations":[{"key":"gpu","operator":"Exists"}]`, `"priority":1000000001`, `"imagePullSecrets":[{"name":"registry"}]`} {
		if !strings.Contains(text, want) {
			t.Errorf("pod = %s, want %s in it", text, want)
		}
	}
}

func TestPatchRefused(t *testing.T) {
	t.Parallel()
	for patch, want := range map[string]string{
		`[]`:                               "is no JSON object",
		`{`:                                "is no JSON object",
		`null`:                             "is null",
		`{} {}`:                            "has text after",
		`{"kind": "Deployment"}`:           "kind: must be Pod",
		`{"apiVersion": "v2"}`:             "apiVersion: must be v1",
		`{"metadata": null}`:               "metadata: must be an object",
		`{"metadata": {"labels": null}}`:   "metadata.labels: must be an object",
		`{"metadata": {"name": "x"}}`:      "metadata.name: is the runner's",
		`{"metadata": {"finalizers": []}}`: "metadata.finalizers: is the runner's",
		`{"metadata": {"labels": {"runwith.dev/engine": null}}}`:                        "metadata.labels.runwith.dev/engine: is the runner's",
		`{"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}}`:              "metadata.labels.app.kubernetes.io/managed-by: is the runner's",
		`{"metadata": {"annotations": {"runwith.dev/id": "x"}}}`:                        "metadata.annotations.runwith.dev/id: is the runner's",
		`{"spec": {"restartPolicy": "Always"}}`:                                         "spec.restartPolicy: is the runner's",
		`{"spec": {"schedulingGates": null}}`:                                           "spec.schedulingGates: is the runner's",
		`{"spec": {"activeDeadlineSeconds": 1}}`:                                        "spec.activeDeadlineSeconds: is the runner's",
		`{"spec": {"containers": null}}`:                                                "spec.containers: must be a list",
		`{"spec": {"containers": [1]}}`:                                                 "spec.containers[0]: must be an object",
		`{"spec": {"containers": [{"image": "x"}]}}`:                                    "spec.containers[0].name: is required",
		`{"spec": {"initContainers": [{"name": "*", "restartPolicy": null}]}}`:          "spec.initContainers[0].restartPolicy: is the runner's",
		`{"spec": {"containers": [{"name": "*", "env": [{"name": "CLOUD_RUN_JOB"}]}]}}`: "spec.containers[0].env[0].name: variables CLOUD_RUN_",
		`{"spec": {"volumes": [{"$patch": "delete", "name": "x"}]}}`:                    "spec.volumes[0].$patch: directives are not supported",
	} {
		err := Config{Dir: "d", Patch: []byte(patch)}.Validate()
		if err == nil || !strings.Contains(err.Error(), "config.Patch: "+want) {
			t.Errorf("patch %s: %v, want %q", patch, err, want)
		}
	}
}
