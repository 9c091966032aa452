package kubernetes

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
	"github.com/runwith/runwith/internal/kubetest"
)

// shell returns a container that runs a script.
func shell(name, script string) *runpb.Container {
	return &runpb.Container{Name: name, Image: kubetest.Shell, Command: []string{"sh", "-c"}, Args: []string{script}}
}

// podText returns a template's Pod as it is sent.
func podText(t *testing.T, c *Config, template *runpb.TaskTemplate, env map[string]string) string {
	t.Helper()
	pod, err := c.newPod("engine", runner.Spec{ID: testID(), Template: template, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.podJSON(pod)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// runPod runs a Pod of a template in a real cluster, and returns what its main container prints.
func runPod(t *testing.T, n *kubetest.Namespace, text string) string {
	t.Helper()
	n.Apply(t, text)
	name := podName("engine", testID())
	n.Kubectl(t, "patch", "pod", name, "--type=json", `--patch=[{"op": "remove", "path": "/spec/schedulingGates"}]`)
	n.Kubectl(t, "wait", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=2m", "pod/"+name)
	return n.Kubectl(t, "logs", name)
}

// TestClusterRunsWhatThePodSays checks in a real cluster what a container gets of its template.
func TestClusterRunsWhatThePodSays(t *testing.T) {
	t.Parallel()
	n := kubetest.Use(t).Namespace(t)
	n.Kubectl(t, "create", "secret", "generic", "s", "--from-literal=latest=newest", "--from-literal=1=oldest")
	main := shell("app", strings.Join([]string{
		`echo "$TEXT" '$(TEXT) $$'`, `echo "$SECRET $INDEX"`, `pwd`,
		`cat /secret/new /secret/s`, `stat -Lc %a /secret/new /secret/s`, `touch /secret/x 2>&1`,
		`df -Pm /memory | awk 'END { print $1, $2 }'`, `test -w /memory && echo writable`, `ls /data`, `cat /data/ready`,
		`grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status | tr -s '\t' ' '`,
		`ls /var/run/secrets 2>&1`, `env | grep -c _SERVICE_HOST`,
	}, "\n"))
	main.WorkingDir, main.DependsOn = "/etc", []string{"side"}
	main.Env = []*runpb.EnvVar{
		{Name: "TEXT", Values: &runpb.EnvVar_Value{Value: "$(INDEX) $$ $"}},
		{Name: "INDEX", Values: &runpb.EnvVar_Value{Value: "mine"}},
		{Name: "SECRET", Values: &runpb.EnvVar_ValueSource{ValueSource: &runpb.EnvVarSource{SecretKeyRef: &runpb.SecretKeySelector{Secret: "s", Version: "1"}}}},
	}
	main.VolumeMounts = []*runpb.VolumeMount{
		{Name: "secret", MountPath: "/secret"}, {Name: "memory", MountPath: "/memory"}, {Name: "data", MountPath: "/data", SubPath: "sub"},
	}
	side := shell("side", `sleep 1; echo yes > /data/ready; exec httpd -f -p 7001 -h /data`)
	side.VolumeMounts = []*runpb.VolumeMount{{Name: "data", MountPath: "/data", SubPath: "sub"}}
	side.StartupProbe = &runpb.Probe{PeriodSeconds: 1, FailureThreshold: 60, ProbeType: &runpb.Probe_HttpGet{HttpGet: &runpb.HTTPGetAction{Path: "/ready", Port: 7001}}}
	template := &runpb.TaskTemplate{Containers: []*runpb.Container{main, side}, Volumes: []*runpb.Volume{
		{Name: "secret", VolumeType: &runpb.Volume_Secret{Secret: &runpb.SecretVolumeSource{
			Secret: "s", DefaultMode: 0o600, Items: []*runpb.VersionToPath{{Version: "1", Path: "s"}, {Path: "new", Mode: 0o755}},
		}}},
		{Name: "memory", VolumeType: &runpb.Volume_EmptyDir{EmptyDir: &runpb.EmptyDirVolumeSource{SizeLimit: "8Mi"}}},
		{Name: "data", VolumeType: &runpb.Volume_EmptyDir{EmptyDir: &runpb.EmptyDirVolumeSource{Medium: runpb.EmptyDirVolumeSource_DISK}}},
	}}
	got := runPod(t, n, podText(t, &Config{}, template, map[string]string{"INDEX": "3"}))
	want := strings.Join([]string{
		"$(INDEX) $$ $ $(TEXT) $$", "oldest 3", "/etc",
		"newestoldest555", "400", "touch: /secret/x: Read-only file system",
		"tmpfs 8", "writable", "ready", "yes",
		"NoNewPrivs: 1", "Seccomp: 2",
		"ls: /var/run/secrets: No such file or directory", "1",
	}, "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

// TestClusterKnowsEveryField checks that a real API server knows every field of a Pod, by its
// name and form, and keeps it.
func TestClusterKnowsEveryField(t *testing.T) {
	t.Parallel()
	n := kubetest.Use(t).Namespace(t)
	n.Kubectl(t, "create", "serviceaccount", "a")
	c := &Config{
		Buckets: map[string]string{"b": "claim"}, ServiceAccounts: map[string]string{"a@p.iam.gserviceaccount.com": "a"},
		Queue: "batch", Metadata: "m:80", MetadataProxy: true,
	}
	text := podText(t, c, everyMapped(), nil)
	n.Apply(t, text)
	sent, kept := decode(t, []byte(text)), decode(t, []byte(n.Kubectl(t, "get", "pod", podName("engine", testID()), "--output=json")))
	forgetAdded(kept)
	forgetAdded(sent)
	if diff := cmp.Diff(sent.Spec, kept.Spec); diff != "" {
		t.Errorf("spec (-sent +kept):\n%s", diff)
	}
}

// forgetAdded removes what a cluster adds to a Pod.
func forgetAdded(pod *kube.Pod) {
	for _, list := range [][]kube.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range list {
			list[i].ImagePullPolicy = ""
			if mounts := list[i].VolumeMounts; len(mounts) > 0 && strings.HasPrefix(mounts[len(mounts)-1].Name, "kube-api-access-") {
				list[i].VolumeMounts = mounts[:len(mounts)-1]
			}
			if len(list[i].VolumeMounts) == 0 {
				list[i].VolumeMounts = nil
			}
			for _, p := range []*kube.Probe{list[i].StartupProbe, list[i].LivenessProbe} {
				if p != nil {
					p.TimeoutSeconds, p.PeriodSeconds, p.FailureThreshold = 0, 0, 0
				}
			}
		}
	}
	if volumes := pod.Spec.Volumes; strings.HasPrefix(volumes[len(volumes)-1].Name, "kube-api-access-") {
		pod.Spec.Volumes = volumes[:len(volumes)-1]
	}
}

// TestPodSecurityStandards checks which standards Pods keep to: "baseline", and "restricted" with
// a patch that images for root do not survive.
func TestPodSecurityStandards(t *testing.T) {
	t.Parallel()
	every := `[{"name": "*", "securityContext": {"runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}}}]`
	restricted := `{"spec": {"containers": ` + every + `, "initContainers": ` + every + `}}`
	template := &runpb.TaskTemplate{Containers: []*runpb.Container{shell("app", "true"), shell("side", "sleep 60")}}
	for _, test := range []struct {
		standard, patch string
		refused         bool
	}{
		{"baseline", "", false},
		{"restricted", "", true},
		{"restricted", restricted, false},
	} {
		t.Run(fmt.Sprintf("%s patched=%t", test.standard, test.patch != ""), func(t *testing.T) {
			t.Parallel()
			n := kubetest.Use(t).Namespace(t)
			n.Kubectl(t, "label", "namespace", n.Name, "pod-security.kubernetes.io/enforce="+test.standard)
			client, err := kube.Connect(kube.Options{Kubeconfig: n.Kubeconfig})
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.CreatePod(t.Context(), []byte(podText(t, &Config{Patch: []byte(test.patch)}, template, nil)))
			if kube.IsForbidden(err) != test.refused || err != nil && !test.refused {
				t.Errorf("create: %v, want refused = %t", err, test.refused)
			}
		})
	}
}
