package kubernetes

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// containerOf returns the main container of a template's Pod.
func containerOf(t *testing.T, c *Config, template *runpb.TaskTemplate) kube.Container {
	t.Helper()
	return podOf(t, c, template).Spec.Containers[0]
}

func TestContainerName(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		names []string
		want  []string
	}{
		{[]string{""}, []string{"main"}},
		{[]string{"app"}, []string{"app"}},
		{[]string{"a.b", "c"}, []string{"container-0", "c"}},
		{[]string{"a.b", "container-0"}, []string{"container-2", "container-0"}},
		{[]string{"", "x.y"}, []string{"container-0", "container-1"}},
	} {
		template := &runpb.TaskTemplate{}
		for _, name := range test.names {
			template.Containers = append(template.Containers, &runpb.Container{Name: name})
		}
		for i, want := range test.want {
			if got := containerName(template, i); got != want {
				t.Errorf("containerName(%q, %d) = %q, want %q", test.names, i, got, want)
			}
		}
	}
}

func TestContainer(t *testing.T) {
	t.Parallel()
	got := containerOf(t, &Config{}, task(&runpb.Container{
		Name: "app", Command: []string{"sh", "-c"}, Args: []string{"echo $HOME $(id) $$"}, WorkingDir: "/w",
		Env:       []*runpb.EnvVar{{Name: "A", Values: &runpb.EnvVar_Value{Value: "$(B)"}}},
		Ports:     []*runpb.ContainerPort{{Name: "http1"}},
		Resources: &runpb.ResourceRequirements{Limits: map[string]string{"cpu": "2", "memory": "1Gi"}},
	}))
	limits := map[string]string{"cpu": "2", "memory": "1Gi"}
	want := kube.Container{
		Name: "app", Image: box, WorkingDir: "/w",
		Command: []string{"sh", "-c"}, Args: []string{"echo $$HOME $$(id) $$$$"}, // the cluster makes $ of $$
		Env:             []kube.EnvVar{{Name: "A", Value: "$$(B)"}},
		Ports:           []kube.ContainerPort{{Name: "http1", ContainerPort: 8080}},
		Resources:       kube.Resources{Limits: limits, Requests: limits},
		SecurityContext: &kube.SecurityContext{AllowPrivilegeEscalation: new(false)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("container (-want +got):\n%s", diff)
	}
}

func TestDefaultLimits(t *testing.T) {
	t.Parallel()
	got := containerOf(t, &Config{}, task(&runpb.Container{})).Resources
	want := map[string]string{"cpu": "1000m", "memory": "536870912"}
	if diff := cmp.Diff(kube.Resources{Limits: want, Requests: want}, got); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
}

func TestProbes(t *testing.T) {
	t.Parallel()
	ports := []*runpb.ContainerPort{{ContainerPort: 90}}
	for _, test := range []struct {
		name  string
		probe *runpb.Probe
		want  *kube.Probe
	}{
		{"none", nil, nil},
		{"asks nothing", &runpb.Probe{}, nil},
		{"tcp, the container's port", &runpb.Probe{ProbeType: &runpb.Probe_TcpSocket{}}, &kube.Probe{TCPSocket: &kube.TCPSocket{Port: 90}}},
		{
			"http", &runpb.Probe{InitialDelaySeconds: 1, TimeoutSeconds: 2, PeriodSeconds: 3, FailureThreshold: 4, ProbeType: &runpb.Probe_HttpGet{
				HttpGet: &runpb.HTTPGetAction{Port: 91, HttpHeaders: []*runpb.HTTPHeader{{Name: "Host", Value: "h"}}},
			}},
			&kube.Probe{
				InitialDelaySeconds: 1, TimeoutSeconds: 2, PeriodSeconds: 3, FailureThreshold: 4,
				HTTPGet: &kube.HTTPGet{Path: "/", Port: 91, HTTPHeaders: []kube.HTTPHeader{{Name: "Host", Value: "h"}}},
			},
		},
		{
			"grpc", &runpb.Probe{ProbeType: &runpb.Probe_Grpc{Grpc: &runpb.GRPCAction{Port: 92, Service: "s"}}},
			&kube.Probe{GRPC: &kube.GRPCCheck{Port: 92, Service: "s"}},
		},
	} {
		c := containerOf(t, &Config{}, task(&runpb.Container{Ports: ports, StartupProbe: test.probe, LivenessProbe: test.probe, ReadinessProbe: test.probe}))
		if diff := cmp.Diff([]*kube.Probe{test.want, test.want, nil}, []*kube.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe}); diff != "" {
			t.Errorf("%s: startup, liveness and readiness probe (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	value := func(name, v string) *runpb.EnvVar {
		return &runpb.EnvVar{Name: name, Values: &runpb.EnvVar_Value{Value: v}}
	}
	secret := func(name, secret, version string) *runpb.EnvVar {
		return &runpb.EnvVar{Name: name, Values: &runpb.EnvVar_ValueSource{ValueSource: &runpb.EnvVarSource{
			SecretKeyRef: &runpb.SecretKeySelector{Secret: secret, Version: version},
		}}}
	}
	from := func(name, secret, key string) kube.EnvVar {
		return kube.EnvVar{Name: name, ValueFrom: &kube.EnvVarSource{SecretKeyRef: &kube.SecretKey{Name: secret, Key: key}}}
	}
	for _, test := range []struct {
		name   string
		config Config
		vars   []*runpb.EnvVar
		want   []kube.EnvVar
	}{
		{"nothing", Config{}, nil, nil},
		{"by name, the last value of each", Config{}, []*runpb.EnvVar{value("B", "1"), value("A", "2"), value("B", "")}, []kube.EnvVar{{Name: "A", Value: "2"}, {Name: "B"}}},
		{"the platform's win", Config{}, []*runpb.EnvVar{value("ZONE", "mine")}, nil},
		{"a secret", Config{}, []*runpb.EnvVar{secret("S", "s", "7")}, []kube.EnvVar{from("S", "s", "7")}},
		{"the latest version is a key", Config{}, []*runpb.EnvVar{secret("S", "projects/p/secrets/s", "")}, []kube.EnvVar{from("S", "s", "latest")}},
		{
			"a mapped secret", Config{Secrets: map[string]string{"My_Secret": "mine"}},
			[]*runpb.EnvVar{secret("S", "projects/p/secrets/My_Secret", "latest")}, []kube.EnvVar{from("S", "mine", "latest")},
		},
		{
			"a secret of one project", Config{Secrets: map[string]string{"projects/p/secrets/s": "of-p", "s": "other"}},
			[]*runpb.EnvVar{secret("S", "projects/p/secrets/s", ""), secret("T", "s", "")}, []kube.EnvVar{from("S", "of-p", "latest"), from("T", "other", "latest")},
		},
		{"a value after a secret", Config{}, []*runpb.EnvVar{secret("A", "s", "1"), value("A", "v")}, []kube.EnvVar{{Name: "A", Value: "v"}}},
		{"a secret after a value", Config{}, []*runpb.EnvVar{value("A", "v"), secret("A", "s", "1")}, []kube.EnvVar{from("A", "s", "1")}},
		{
			"the metadata server, unless the job has another", Config{Metadata: "m:80"}, []*runpb.EnvVar{secret("GCE_METADATA_HOST", "s", "1")},
			[]kube.EnvVar{from("GCE_METADATA_HOST", "s", "1"), {Name: "GCE_METADATA_IP", Value: "m:80"}},
		},
	} {
		spec := runner.Spec{Template: task(&runpb.Container{Env: test.vars}), Env: map[string]string{"ZONE": "here"}}
		got, err := test.config.env(spec, 0)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		want := append(test.want, kube.EnvVar{Name: "ZONE", Value: "here"})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestMetadataProxy(t *testing.T) {
	t.Parallel()
	c := containerOf(t, &Config{Metadata: "m:80", MetadataProxy: true}, task(&runpb.Container{}))
	values := map[string]string{}
	for _, v := range c.Env {
		values[v.Name] = v.Value
	}
	if values["http_proxy"] != "http://m:80" || values["GCE_METADATA_HOST"] != "m:80" {
		t.Errorf("env = %v, want the metadata server as address and as proxy", values)
	}
}
