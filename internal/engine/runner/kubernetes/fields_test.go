package kubernetes

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
)

// everyMapped returns a template with every field that a Pod has a counterpart for.
func everyMapped() *runpb.TaskTemplate {
	value := func(name, v string) *runpb.EnvVar {
		return &runpb.EnvVar{Name: name, Values: &runpb.EnvVar_Value{Value: v}}
	}
	secret := &runpb.EnvVar{Name: "S", Values: &runpb.EnvVar_ValueSource{ValueSource: &runpb.EnvVarSource{
		SecretKeyRef: &runpb.SecretKeySelector{Secret: "s", Version: "2"},
	}}}
	main := &runpb.Container{
		Name: "app", Image: "image", Command: []string{"c"}, Args: []string{"a"}, Env: []*runpb.EnvVar{value("A", "1"), secret},
		Resources:  &runpb.ResourceRequirements{Limits: map[string]string{"cpu": "2", "memory": "1Gi", "nvidia.com/gpu": "1"}},
		Ports:      []*runpb.ContainerPort{{Name: "http1", ContainerPort: 80}},
		WorkingDir: "/w", DependsOn: []string{"last"},
		VolumeMounts: []*runpb.VolumeMount{{Name: "gcs", MountPath: "/gcs", SubPath: "sub"}},
		StartupProbe: &runpb.Probe{
			InitialDelaySeconds: 1, TimeoutSeconds: 2, PeriodSeconds: 3, FailureThreshold: 4,
			ProbeType: &runpb.Probe_HttpGet{HttpGet: &runpb.HTTPGetAction{
				Path: "/p", Port: 81, HttpHeaders: []*runpb.HTTPHeader{{Name: "N", Value: "v"}},
			}},
		},
		LivenessProbe: &runpb.Probe{ProbeType: &runpb.Probe_TcpSocket{TcpSocket: &runpb.TCPSocketAction{Port: 82}}},
	}
	small := &runpb.ResourceRequirements{Limits: map[string]string{"cpu": "500m", "memory": "64Mi"}}
	first := &runpb.Container{
		Name: "first", Image: "image", DependsOn: []string{"last"}, Resources: small,
		StartupProbe: &runpb.Probe{ProbeType: &runpb.Probe_Grpc{Grpc: &runpb.GRPCAction{Port: 83, Service: "s"}}},
	}
	return &runpb.TaskTemplate{
		Containers: []*runpb.Container{main, first, {Name: "last", Image: "image", Resources: small}},
		Volumes: []*runpb.Volume{
			{Name: "empty", VolumeType: &runpb.Volume_EmptyDir{EmptyDir: &runpb.EmptyDirVolumeSource{Medium: runpb.EmptyDirVolumeSource_DISK, SizeLimit: "1Mi"}}},
			{Name: "secret", VolumeType: &runpb.Volume_Secret{Secret: &runpb.SecretVolumeSource{
				Secret: "s", DefaultMode: 0o400, Items: []*runpb.VersionToPath{{Path: "p", Version: "2", Mode: 0o440}},
			}}},
			{Name: "nfs", VolumeType: &runpb.Volume_Nfs{Nfs: &runpb.NFSVolumeSource{Server: "h", Path: "/p", ReadOnly: true}}},
			{Name: "gcs", VolumeType: &runpb.Volume_Gcs{Gcs: &runpb.GCSVolumeSource{Bucket: "b", ReadOnly: true, MountOptions: []string{"only-dir=d"}}}},
		},
		Timeout: durationpb.New(time.Minute), ServiceAccount: "a@p.iam.gserviceaccount.com",
		NodeSelector: &runpb.NodeSelector{Accelerator: "nvidia-l4"},
	}
}

// refused returns templates that have a field without a counterpart, by the field.
func refused() map[string]*runpb.TaskTemplate {
	return map[string]*runpb.TaskTemplate{
		"TaskTemplate.sandboxes":     {Containers: []*runpb.Container{{Image: "i"}}, Sandboxes: &runpb.SandboxConfiguration{}},
		"Container.source_code":      task(&runpb.Container{SourceCode: &runpb.SourceCode{}}),
		"Container.sandbox_launcher": task(&runpb.Container{SandboxLauncher: new(true)}),
		"Volume.cloud_sql_instance": {
			Containers: []*runpb.Container{{Image: "i"}},
			Volumes:    []*runpb.Volume{{VolumeType: &runpb.Volume_CloudSqlInstance{}}},
		},
	}
}

// withoutEffect are the fields that change no Pod, with the reason.
func withoutEffect() map[string]string {
	return map[string]string{
		"TaskTemplate.max_retries":                   "the engine retries",
		"TaskTemplate.execution_environment":         "jobs have one",
		"TaskTemplate.encryption_key":                "the cluster's",
		"TaskTemplate.vpc_access":                    "the cluster's network",
		"TaskTemplate.gpu_zonal_redundancy_disabled": "the cluster has its zones",
		"TaskTemplate.workload_identity_config":      "see service_account",
		"Container.readiness_probe":                  "nobody calls a task",
		"Container.base_image_uri":                   "for source code",
		"Container.build_info":                       "the server's",
		"ResourceRequirements.cpu_idle":              "jobs always have their CPU",
		"ResourceRequirements.startup_cpu_boost":     "a Pod has its limits",
	}
}

// TestEveryFieldIsSettled walks Google's own descriptors. Each field changes the Pod, or is
// refused, or is on the list of those without effect.
func TestEveryFieldIsSettled(t *testing.T) {
	t.Parallel()
	c := &Config{Buckets: map[string]string{"b": "claim"}, ServiceAccounts: map[string]string{"a@p.iam.gserviceaccount.com": "a"}}
	template := everyMapped()
	mapped := map[string]bool{}
	for field, all := range fieldsOf(template.ProtoReflect()) {
		mapped[field] = slices.ContainsFunc(all, func(clear func(protoreflect.Message)) bool { return changes(t, c, template, clear) })
	}
	var walk func(m protoreflect.MessageDescriptor)
	seen := map[protoreflect.FullName]bool{}
	walk = func(m protoreflect.MessageDescriptor) {
		if seen[m.FullName()] || !strings.HasPrefix(string(m.FullName()), runPrefix) || m.IsMapEntry() {
			return
		}
		seen[m.FullName()] = true
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			name := nameOf(f)
			_, no := refused()[name]
			_, idle := withoutEffect()[name]
			if n := count(mapped[name], no, idle); n != 1 {
				t.Errorf("%s: mapped %v, refused %v, without effect %v; want one of them", name, mapped[name], no, idle)
			}
			if f.Message() != nil && !no && !idle {
				walk(f.Message())
			}
		}
	}
	walk(template.ProtoReflect().Descriptor())
}

func TestFieldsWithoutCounterpartAreRefused(t *testing.T) {
	t.Parallel()
	for field, template := range refused() {
		_, short, _ := strings.Cut(field, ".")
		err := (&Config{}).check(template)
		if err == nil || !strings.Contains(err.Error(), short+":") || !strings.Contains(err.Error(), "template.template.") {
			t.Errorf("%s: %v, want a refusal of the field", field, err)
		}
	}
}

const runPrefix = "google.cloud.run.v2."

// nameOf returns MESSAGE.FIELD.
func nameOf(f protoreflect.FieldDescriptor) string {
	return strings.TrimPrefix(string(f.FullName()), runPrefix)
}

// clearing are the fields that are set in a message or below, and how to clear each of them in
// a copy of the message.
type clearing map[string][]func(protoreflect.Message)

func fieldsOf(m protoreflect.Message) clearing {
	found := clearing{}
	for f, v := range m.Range {
		found[nameOf(f)] = append(found[nameOf(f)], func(m protoreflect.Message) { m.Clear(f) })
		if f.Message() == nil || f.IsMap() || f.Message().FullName() == "google.protobuf.Duration" {
			continue
		}
		if !f.IsList() {
			found.add(v.Message(), func(m protoreflect.Message) protoreflect.Message { return m.Mutable(f).Message() })
			continue
		}
		for i := range v.List().Len() {
			found.add(v.List().Get(i).Message(), func(m protoreflect.Message) protoreflect.Message { return m.Mutable(f).List().Get(i).Message() })
		}
	}
	return found
}

// add adds the fields of a message that is below another one.
func (c clearing) add(m protoreflect.Message, below func(protoreflect.Message) protoreflect.Message) {
	for name, all := range fieldsOf(m) {
		for _, clear := range all {
			c[name] = append(c[name], func(m protoreflect.Message) { clear(below(m)) })
		}
	}
}

// changes reports whether a template without a field makes another Pod, or none.
func changes(t *testing.T, c *Config, template *runpb.TaskTemplate, clear func(protoreflect.Message)) bool {
	t.Helper()
	without := proto.Clone(template).(*runpb.TaskTemplate)
	clear(without.ProtoReflect())
	pod, err := c.newPod("engine", runner.Spec{ID: testID(), Template: without})
	if err != nil {
		return true
	}
	text, err := c.podJSON(pod)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := c.podJSON(podOf(t, c, template))
	if err != nil {
		t.Fatal(err)
	}
	return string(text) != string(whole)
}

func count(all ...bool) (n int) {
	for _, b := range all {
		if b {
			n++
		}
	}
	return n
}
