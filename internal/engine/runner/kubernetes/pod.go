package kubernetes

import (
	"cmp"
	"strings"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// Annotations that keep the cluster from moving a Pod to another node, which would end it.
const (
	safeToEvict  = "cluster-autoscaler.kubernetes.io/safe-to-evict"
	doNotDisrupt = "karpenter.sh/do-not-disrupt"
)

// queueLabel names the Kueue queue that admits a Pod.
// https://kueue.sigs.k8s.io/docs/tasks/run/plain_pods/
const queueLabel = "kueue.x-k8s.io/queue-name"

// deadlineSlack is how long after its timeout the cluster ends an attempt that no Runner has
// ended. The cluster's time includes the pulling of images.
const deadlineSlack = time.Hour

// noAccount is the service account of a task whose own has none in the cluster.
const noAccount = "default"

// newPod returns the Pod of an attempt, before the patch of the configuration. It refuses,
// by field name, a template that no Pod can run.
//
// Cloud Run's containers map to two kinds: the main one is the Pod's only container, whose
// end is the Pod's. The others are sidecars, which start before it and end after it.
//
// Pods keep to the "baseline" of the Pod Security Standards, if they mount no NFS. They are
// not "restricted", because images may run as root, as on Cloud Run.
func (c *Config) newPod(engine string, spec runner.Spec) (*kube.Pod, error) {
	t := spec.Template
	if err := refuseUnsupported(t); err != nil {
		return nil, err
	}
	volumes, err := c.volumes(t)
	if err != nil {
		return nil, err
	}
	pod := &kube.Pod{
		APIVersion: "v1", Kind: "Pod", Metadata: c.metadata(engine, spec.ID),
		Spec: kube.PodSpec{
			RestartPolicy:                 "Never",
			EnableServiceLinks:            new(false),
			ActiveDeadlineSeconds:         deadline(t),
			TerminationGracePeriodSeconds: new(seconds(cmp.Or(c.Grace, DefaultGrace))),
			SchedulingGates:               []kube.SchedulingGate{{Name: claimedGate}},
			NodeSelector:                  c.nodeSelector(t),
			SecurityContext:               &kube.PodSecurityContext{SeccompProfile: &kube.SeccompProfile{Type: "RuntimeDefault"}},
			Volumes:                       volumes,
		},
	}
	c.setAccount(&pod.Spec, t.GetServiceAccount())
	return pod, c.addContainers(&pod.Spec, spec)
}

// metadata returns the name of an attempt's Pod, and its marks.
func (c *Config) metadata(engine string, id runner.ID) kube.Meta {
	m := kube.Meta{
		Name: podName(engine, id), Labels: labels(engine, id), Finalizers: []string{finalizer},
		Annotations: map[string]string{idAnnotation: id.String(), safeToEvict: "false", doNotDisrupt: "true"},
	}
	if c.Queue != "" {
		m.Labels[queueLabel] = c.Queue
	}
	return m
}

// setAccount sets the service account. A task gets a token of the cluster only if the
// operator maps its account.
func (c *Config) setAccount(pod *kube.PodSpec, account string) {
	if mapped := c.ServiceAccounts[account]; mapped != "" {
		pod.ServiceAccountName = mapped
		return
	}
	pod.ServiceAccountName = noAccount
	pod.AutomountServiceAccountToken = new(false)
}

// addContainers adds the main container, and the others in the order of their start.
func (c *Config) addContainers(pod *kube.PodSpec, spec runner.Spec) error {
	t := spec.Template
	for _, i := range runner.StartOrder(t.GetContainers()) {
		made, err := c.container(spec, i)
		if err != nil {
			return err
		}
		if i == mainContainer(t) {
			pod.Containers = append(pod.Containers, made)
			continue
		}
		made.RestartPolicy = "Always" // makes it a sidecar
		pod.InitContainers = append(pod.InitContainers, made)
	}
	return nil
}

// deadline returns when the cluster ends a Pod that no Runner has ended, in seconds, or nil
// for a task without a timeout.
func deadline(t *runpb.TaskTemplate) *int64 {
	timeout := t.GetTimeout().AsDuration()
	if timeout <= 0 {
		return nil
	}
	return new(seconds(timeout + deadlineSlack))
}

// seconds rounds up to whole seconds.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// acceleratorLabel is GKE's label of nodes with a GPU.
// https://cloud.google.com/kubernetes-engine/docs/how-to/gpus
const acceleratorLabel = "cloud.google.com/gke-accelerator"

// nodeSelector returns the labels of the nodes that can run a task.
func (c *Config) nodeSelector(t *runpb.TaskTemplate) map[string]string {
	accelerator := t.GetNodeSelector().GetAccelerator()
	if accelerator == "" {
		return nil
	}
	if key, value, ok := strings.Cut(c.Accelerators[accelerator], "="); ok {
		return map[string]string{key: value}
	}
	return map[string]string{acceleratorLabel: accelerator}
}
