package kubernetes

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

const box = "localhost/box:1"

// task returns a template of one container.
func task(c *runpb.Container) *runpb.TaskTemplate {
	c.Image = box
	return &runpb.TaskTemplate{Containers: []*runpb.Container{c}, Timeout: durationpb.New(time.Minute)}
}

func testID() runner.ID {
	return runner.ID{Execution: "projects/p/locations/l/jobs/j/executions/j-x7", Task: 3, Attempt: 1}
}

// podOf returns the Pod of a template.
func podOf(t *testing.T, c *Config, template *runpb.TaskTemplate) *kube.Pod {
	t.Helper()
	pod, err := c.newPod("engine", runner.Spec{ID: testID(), Template: template})
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

func TestPodIsMarked(t *testing.T) {
	t.Parallel()
	pod := podOf(t, &Config{Queue: "batch"}, task(&runpb.Container{}))
	want := kube.Meta{
		Name: podName("engine", testID()), Finalizers: []string{"runwith.dev/attempt"},
		Labels: map[string]string{
			"runwith.dev/engine": "engine", "runwith.dev/execution": "j-x7", "runwith.dev/task": "3", "runwith.dev/attempt": "1",
			"app.kubernetes.io/managed-by": "runwith", "kueue.x-k8s.io/queue-name": "batch",
		},
		Annotations: map[string]string{
			"runwith.dev/id": testID().String(), "cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "karpenter.sh/do-not-disrupt": "true",
		},
	}
	if diff := cmp.Diff(want, pod.Metadata); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
}

func TestSelectorSelectsTheEnginesPods(t *testing.T) {
	t.Parallel()
	key, value, _ := strings.Cut(selector("engine"), "=")
	if got := podOf(t, &Config{}, task(&runpb.Container{})).Metadata.Labels[key]; got != value {
		t.Errorf("label %s = %q, want %q", key, got, value)
	}
}

func TestPodSettings(t *testing.T) {
	t.Parallel()
	pod := podOf(t, &Config{Grace: 1500 * time.Millisecond}, task(&runpb.Container{})).Spec
	pod.Containers = nil
	want := kube.PodSpec{
		RestartPolicy: "Never", ServiceAccountName: "default", AutomountServiceAccountToken: new(false), EnableServiceLinks: new(false),
		ActiveDeadlineSeconds: new(int64(3660)), TerminationGracePeriodSeconds: new(int64(2)),
		SchedulingGates: []kube.SchedulingGate{{Name: "runwith.dev/claimed"}},
		SecurityContext: &kube.PodSecurityContext{SeccompProfile: &kube.SeccompProfile{Type: "RuntimeDefault"}},
	}
	if diff := cmp.Diff(want, pod); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
}

func TestTaskWithoutTimeout(t *testing.T) {
	t.Parallel()
	template := task(&runpb.Container{})
	template.Timeout = nil
	if got := podOf(t, &Config{}, template).Spec.ActiveDeadlineSeconds; got != nil {
		t.Errorf("deadline = %d s, want none", *got)
	}
}

// TestServiceAccount checks that only a mapped account has a token of the cluster.
func TestServiceAccount(t *testing.T) {
	t.Parallel()
	template := task(&runpb.Container{})
	template.ServiceAccount = "a@p.iam.gserviceaccount.com"
	mapped := podOf(t, &Config{ServiceAccounts: map[string]string{"a@p.iam.gserviceaccount.com": "reader"}}, template).Spec
	if mapped.ServiceAccountName != "reader" || mapped.AutomountServiceAccountToken != nil {
		t.Errorf("mapped: account %q, token %v; want reader, with its own choice", mapped.ServiceAccountName, mapped.AutomountServiceAccountToken)
	}
	other := podOf(t, &Config{}, template).Spec
	if other.ServiceAccountName != "default" || *other.AutomountServiceAccountToken {
		t.Errorf("not mapped: account %q, token %v; want default without a token", other.ServiceAccountName, *other.AutomountServiceAccountToken)
	}
}

func TestAccelerator(t *testing.T) {
	t.Parallel()
	template := task(&runpb.Container{})
	template.NodeSelector = &runpb.NodeSelector{Accelerator: "nvidia-l4"}
	for _, test := range []struct {
		config Config
		want   map[string]string
	}{
		{Config{}, map[string]string{"cloud.google.com/gke-accelerator": "nvidia-l4"}},
		{Config{Accelerators: map[string]string{"nvidia-l4": "nvidia.com/gpu.product=NVIDIA-L4"}}, map[string]string{"nvidia.com/gpu.product": "NVIDIA-L4"}},
	} {
		pod := podOf(t, &test.config, template).Spec
		if diff := cmp.Diff(test.want, pod.NodeSelector); diff != "" {
			t.Errorf("node selector (-want +got):\n%s", diff)
		}
		if got := pod.Containers[0].Resources.Limits["nvidia.com/gpu"]; got != "1" {
			t.Errorf("limit of GPUs = %q, want 1", got)
		}
	}
}

// TestSidecars checks that the containers beside the main one start before it, in the order of
// their dependencies, and restart.
func TestSidecars(t *testing.T) {
	t.Parallel()
	template := task(&runpb.Container{Name: "app", DependsOn: []string{"proxy"}})
	template.Containers = append(template.Containers,
		&runpb.Container{Name: "proxy", Image: box, DependsOn: []string{"vpn"}},
		&runpb.Container{Name: "vpn", Image: box}, &runpb.Container{Name: "log", Image: box})
	pod := podOf(t, &Config{}, template).Spec
	var sidecars []string
	for _, c := range pod.InitContainers {
		sidecars = append(sidecars, c.Name+" "+c.RestartPolicy)
	}
	if diff := cmp.Diff([]string{"vpn Always", "proxy Always", "log Always"}, sidecars); diff != "" {
		t.Errorf("sidecars (-want +got):\n%s", diff)
	}
	if len(pod.Containers) != 1 || pod.Containers[0].Name != "app" || pod.Containers[0].RestartPolicy != "" {
		t.Errorf("containers = %v, want app alone", pod.Containers)
	}
}
