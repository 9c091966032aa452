package knative_test

import (
	"fmt"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/knative"
)

// leastV1 returns a job with one container.
func leastV1() *knative.Job {
	job := &knative.Job{Metadata: knative.ObjectMeta{Name: "hello"}}
	job.Spec.Template.Spec.Template.Spec.Containers = []knative.Container{{Name: "main", Image: "img"}}
	return job
}

func TestV2RefusesWithV1Path(t *testing.T) {
	t.Parallel()
	const spec = "spec.template.spec.template.spec."
	ofTemplate := func(key, value string) func(*knative.Job) {
		return func(j *knative.Job) { j.Spec.Template.Metadata.Annotations = map[string]string{key: value} }
	}
	atTemplate := func(key string) string { return `spec.template.metadata.annotations["` + key + `"]: ` }
	container := func(change func(*knative.Container)) func(*knative.Job) {
		return func(j *knative.Job) { change(&j.Spec.Template.Spec.Template.Spec.Containers[0]) }
	}
	volume := func(v knative.Volume) func(*knative.Job) {
		return func(j *knative.Job) { j.Spec.Template.Spec.Template.Spec.Volumes = []knative.Volume{v} }
	}
	for _, test := range []struct {
		name   string
		change func(*knative.Job)
		want   string
	}{
		{"another version", func(j *knative.Job) { j.APIVersion = "batch/v1" }, `apiVersion: must be run.googleapis.com/v1, not "batch/v1", which is Kubernetes'`},
		{"another kind", func(j *knative.Job) { j.Kind = "Service" }, `kind: must be Job, not "Service"`},
		{"two tokens", func(j *knative.Job) { j.Spec.StartExecutionToken, j.Spec.RunExecutionToken = "a", "b" },
			"spec.runExecutionToken: cannot be set together with startExecutionToken"},
		{"a label in Google's namespace", func(j *knative.Job) { j.Metadata.Labels = map[string]string{"run.googleapis.com/mine": "x"} },
			`metadata.labels["run.googleapis.com/mine"]: has no meaning for a job, leave it out`},
		{"an annotation of Knative", ofTemplate("autoscaling.knative.dev/maxScale", "3"),
			atTemplate("autoscaling.knative.dev/maxScale") + "has no meaning for a job, leave it out"},
		{"an annotation of the template at the job",
			func(j *knative.Job) {
				j.Metadata.Annotations = map[string]string{"run.googleapis.com/execution-environment": "gen2"}
			},
			`metadata.annotations["run.googleapis.com/execution-environment"]: is of the execution: it belongs to spec.template.metadata.annotations`},
		{"an annotation of the job at the template", ofTemplate("run.googleapis.com/launch-stage", "BETA"),
			atTemplate("run.googleapis.com/launch-stage") + "is of the job: it belongs to metadata.annotations"},
		{"what is kept under v2's name of it", ofTemplate("v1.runwith/client-name", "x"),
			atTemplate("v1.runwith/client-name") + "is v2's name for run.googleapis.com/client-name, set that instead"},
		{"an unknown launch stage",
			func(j *knative.Job) {
				j.Metadata.Annotations = map[string]string{"run.googleapis.com/launch-stage": "NOW"}
			},
			`metadata.annotations["run.googleapis.com/launch-stage"]: must be ALPHA, BETA or GA, not "NOW"`},
		{"an unknown execution environment", ofTemplate("run.googleapis.com/execution-environment", "gen3"),
			atTemplate("run.googleapis.com/execution-environment") + `must be gen1 or gen2, not "gen3"`},
		{"an unknown egress", ofTemplate("run.googleapis.com/vpc-access-egress", "none"),
			atTemplate("run.googleapis.com/vpc-access-egress") + `must be all-traffic or private-ranges-only, not "none"`},
		{"network interfaces that are no JSON", ofTemplate("run.googleapis.com/network-interfaces", "[{"),
			atTemplate("run.googleapis.com/network-interfaces") + "is not the required JSON: line 1:3: expected a name or }"},
		{"an unknown field of a network interface", ofTemplate("run.googleapis.com/network-interfaces", `[{"net":"x"}]`),
			atTemplate("run.googleapis.com/network-interfaces") + "is not the required JSON: [0].net: is not a field of networkInterface (its fields: network, subnetwork, tags)"},
		{"no truth", ofTemplate("run.googleapis.com/gpu-zonal-redundancy-disabled", "maybe"),
			atTemplate("run.googleapis.com/gpu-zonal-redundancy-disabled") + `must be true or false, not "maybe"`},
		{"a dependency of nobody", ofTemplate("run.googleapis.com/container-dependencies", `{"other":["main"]}`),
			atTemplate("run.googleapis.com/container-dependencies") + `there is no container named "other"`},
		{"a boost for nobody", ofTemplate("run.googleapis.com/startup-cpu-boost", `["other"]`),
			atTemplate("run.googleapis.com/startup-cpu-boost") + `there is no container named "other"`},
		{"a source elsewhere", ofTemplate("run.googleapis.com/sources", `{"main":"https://example.com/x"}`),
			atTemplate("run.googleapis.com/sources") + `"https://example.com/x" must be gs://BUCKET/OBJECT or gs://BUCKET/OBJECT#GENERATION`},
		{"a dependency of a container without a name", func(j *knative.Job) {
			ofTemplate("run.googleapis.com/container-dependencies", `{"":["b"]}`)(j)
			j.Spec.Template.Spec.Template.Spec.Containers = []knative.Container{{Image: "i"}, {Name: "b", Image: "i"}}
		}, atTemplate("run.googleapis.com/container-dependencies") + "must name containers, because the task has 2"},
		{"an alias of no path", ofTemplate("run.googleapis.com/secrets", "a:b"),
			atTemplate("run.googleapis.com/secrets") + `"a:b" must be ALIAS:projects/PROJECT/secrets/SECRET`},
		{"an alias twice", ofTemplate("run.googleapis.com/secrets", "a:projects/1/secrets/b,a:projects/1/secrets/c"),
			atTemplate("run.googleapis.com/secrets") + `"a" is defined twice`},
		{"a value and a source of one", container(func(c *knative.Container) {
			c.Env = []knative.EnvVar{{Name: "A", Value: new("x"), ValueFrom: &knative.EnvVarSource{}}}
		}), spec + "containers[0].env[0].value: cannot be set together with valueFrom"},
		{"two kinds of a probe", container(func(c *knative.Container) {
			c.StartupProbe = &knative.Probe{GRPC: &knative.GRPCAction{}, TCPSocket: &knative.TCPSocketAction{}}
		}), spec + "containers[0].startupProbe: can have only one of httpGet, tcpSocket and grpc"},
		{"another selector", func(j *knative.Job) {
			j.Spec.Template.Spec.Template.Spec.NodeSelector = map[string]string{"zone": "a"}
		}, spec + `nodeSelector["zone"]: only run.googleapis.com/accelerator is supported`},
		{"a volume of nothing", volume(knative.Volume{Name: "v"}), spec + "volumes[0]: must have one of secret, emptyDir, nfs and csi"},
		{"a volume of two kinds", volume(knative.Volume{Name: "v", EmptyDir: &knative.EmptyDirVolumeSource{}, NFS: &knative.NFSVolumeSource{}}),
			spec + "volumes[0]: must have one of secret, emptyDir, nfs and csi"},
		{"an unknown medium", volume(knative.Volume{Name: "v", EmptyDir: &knative.EmptyDirVolumeSource{Medium: "Tape"}}),
			spec + `volumes[0].emptyDir.medium: must be Memory or Disk, not "Tape"`},
		{"an unknown driver", volume(knative.Volume{Name: "v", CSI: &knative.CSIVolumeSource{Driver: "x"}}),
			spec + `volumes[0].csi.driver: must be gcsfuse.run.googleapis.com or cloudsql.run.googleapis.com, not "x"`},
		{"an unknown attribute", volume(knative.Volume{Name: "v", CSI: &knative.CSIVolumeSource{
			Driver: "gcsfuse.run.googleapis.com", VolumeAttributes: map[string]string{"x": "y"},
		}}), spec + `volumes[0].csi.volumeAttributes["x"]: must be bucketName or mountOptions`},
		{"Cloud SQL to read only", volume(knative.Volume{Name: "v", CSI: &knative.CSIVolumeSource{Driver: "cloudsql.run.googleapis.com", ReadOnly: true}}),
			spec + "volumes[0].csi.readOnly: has no meaning for Cloud SQL, leave it out"},
		{"the name of Cloud SQL's volume", func(j *knative.Job) {
			volume(knative.Volume{Name: "cloudsql", NFS: &knative.NFSVolumeSource{}})(j)
			ofTemplate("run.googleapis.com/cloudsql-instances", "p:r:i")(j)
		}, atTemplate("run.googleapis.com/cloudsql-instances") + "needs the name cloudsql for its own volume: give yours another name"},
		{"several", func(j *knative.Job) {
			j.Kind = "x"
			container(func(c *knative.Container) {
				c.Env = []knative.EnvVar{{Value: new("a"), ValueFrom: &knative.EnvVarSource{}}}
			})(j)
		}, `kind: must be Job, not "x"; ` + spec + "containers[0].env[0].value: cannot be set together with valueFrom"},
	} {
		job := leastV1()
		test.change(job)
		if _, err := job.V2(here); err == nil || err.Error() != test.want || runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("%s: V2() = %v, want %q", test.name, err, test.want)
		}
	}
}

// TestSpellings checks that v1 accepts several spellings of a value, and which one it
// returns.
func TestSpellings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name             string
		given, comesBack map[string]string
	}{
		{"the old name of an egress", map[string]string{"run.googleapis.com/vpc-access-egress": "all"},
			map[string]string{"run.googleapis.com/vpc-access-egress": "all-traffic"}},
		{"a truth as gcloud writes it", map[string]string{"run.googleapis.com/gpu-zonal-redundancy-disabled": "False"},
			map[string]string{"run.googleapis.com/gpu-zonal-redundancy-disabled": "false"}},
		{"white space in JSON", map[string]string{"run.googleapis.com/container-dependencies": `{"main": ["main"]}`},
			map[string]string{"run.googleapis.com/container-dependencies": `{"main":["main"]}`}},
		{"instances of Cloud SQL with spaces", map[string]string{"run.googleapis.com/cloudsql-instances": "p:r:i, p:r:j"},
			map[string]string{"run.googleapis.com/cloudsql-instances": "p:r:i,p:r:j"}},
		{"no instances", map[string]string{"run.googleapis.com/cloudsql-instances": ""}, map[string]string{}},
		{"an object whose name ends as a generation does", map[string]string{"run.googleapis.com/sources": `{"main":"gs://b/o#1#0"}`},
			map[string]string{"run.googleapis.com/sources": `{"main":"gs://b/o#1#0"}`}},
		{"what only the server sets", map[string]string{"run.googleapis.com/creator": "x", "run.googleapis.com/operation-id": "y"}, map[string]string{}},
		{"an empty secret alias list", map[string]string{"run.googleapis.com/secrets": ""}, map[string]string{}},
	} {
		job := leastV1()
		job.Spec.Template.Metadata.Annotations = test.given
		v2, err := job.V2(here)
		if err != nil {
			t.Errorf("%s: V2() = %v", test.name, err)
			continue
		}
		got := knative.FromJob(v2, namespace).Spec.Template.Metadata.Annotations
		for key, want := range test.comesBack {
			if got[key] != want {
				t.Errorf("%s: %s = %q is returned as %q, want %q", test.name, key, test.given[key], got[key], want)
			}
		}
		if len(got) != len(test.comesBack) {
			t.Errorf("%s: %v is returned as %v, want %v", test.name, test.given, got, test.comesBack)
		}
	}
}

// TestAliasesOfSecrets checks that a secret of another project has an alias in v1 and a
// path in v2, that the alias is kept, and that it never refers to another secret.
func TestAliasesOfSecrets(t *testing.T) {
	t.Parallel()
	const annotation = "run.googleapis.com/secrets"
	job := leastV1()
	job.Spec.Template.Metadata.Annotations = map[string]string{annotation: "theirs-x:projects/7/secrets/theirs"}
	for _, name := range []string{"theirs-x", "mine"} {
		c := &job.Spec.Template.Spec.Template.Spec.Containers[0]
		c.Env = append(c.Env, knative.EnvVar{Name: name, ValueFrom: &knative.EnvVarSource{SecretKeyRef: &knative.SecretKeySelector{Name: name, Key: "1"}}})
	}
	v2, err := job.V2(here)
	if err != nil {
		t.Fatal(err)
	}
	env := v2.Template.Template.Containers[0].Env
	if got := env[0].GetValueSource().GetSecretKeyRef().GetSecret(); got != "projects/7/secrets/theirs" {
		t.Errorf("secret in v2 = %q, want its path", got)
	}
	names := func() string {
		var all []string
		shown := knative.FromJob(v2, namespace).Spec.Template
		for _, v := range shown.Spec.Template.Spec.Containers[0].Env {
			all = append(all, v.ValueFrom.SecretKeyRef.Name)
		}
		return strings.Join(all, " ") + " | " + shown.Metadata.Annotations[annotation]
	}
	if got, want := names(), "theirs-x mine | theirs-x:projects/7/secrets/theirs"; got != want {
		t.Errorf("names = %q, want %q", got, want)
	}
	env[1].GetValueSource().GetSecretKeyRef().Secret = "projects/8/secrets/theirs"
	if got, want := names(), "theirs-x theirs | theirs-x:projects/7/secrets/theirs,theirs:projects/8/secrets/theirs"; got != want {
		t.Errorf("names with another secret = %q, want %q", got, want)
	}
	env[1].GetValueSource().GetSecretKeyRef().Secret = "theirs-x"
	if got, want := names(), "theirs theirs-x | theirs:projects/7/secrets/theirs"; got != want {
		t.Errorf("names with a secret that has the alias's name = %q, want %q", got, want)
	}
}

// TestCloudSQLIsAnAnnotationOrAVolume checks that instances for all containers are an
// annotation in v1, and others a volume.
func TestCloudSQLIsAnAnnotationOrAVolume(t *testing.T) {
	t.Parallel()
	const annotation = "run.googleapis.com/cloudsql-instances"
	mount := &runpb.VolumeMount{Name: "cloudsql", MountPath: "/cloudsql"}
	for name, test := range map[string]struct {
		volume   string
		mounts   [][]*runpb.VolumeMount // by container
		annotate bool
	}{
		"everywhere":      {"cloudsql", [][]*runpb.VolumeMount{{mount}, {mount}}, true},
		"in one of two":   {"cloudsql", [][]*runpb.VolumeMount{{mount}, nil}, false},
		"by another name": {"sql", [][]*runpb.VolumeMount{{{Name: "sql"}}}, false},
		"without a path":  {"cloudsql", [][]*runpb.VolumeMount{{{Name: "cloudsql"}}}, false},
	} {
		job := least("hello")
		job.Template.Template.Containers = nil
		for i, mounts := range test.mounts {
			job.Template.Template.Containers = append(job.Template.Template.Containers, &runpb.Container{Name: fmt.Sprint("c", i), VolumeMounts: mounts})
		}
		job.Template.Template.Volumes = []*runpb.Volume{{Name: test.volume, VolumeType: &runpb.Volume_CloudSqlInstance{
			CloudSqlInstance: &runpb.CloudSqlInstance{Instances: []string{"p:r:i", "p:r:j"}},
		}}}
		shown := knative.FromJob(job, namespace)
		value, annotated := shown.Spec.Template.Metadata.Annotations[annotation]
		if annotated != test.annotate {
			t.Errorf("%s: there is an annotation: %t, want %t", name, annotated, test.annotate)
		}
		if want := "p:r:i,p:r:j"; annotated && value != want {
			t.Errorf("%s: annotation = %q, want %q", name, value, want)
		}
		if volumes := shown.Spec.Template.Spec.Template.Spec.Volumes; annotated == (len(volumes) > 0) {
			t.Errorf("%s: annotation = %q, volumes = %v, want exactly one of them", name, value, volumes)
		}
		back, err := shown.V2(here)
		if diff := cmp.Diff(job, back, protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("%s: job after a round trip: %v (-sent +got):\n%s", name, err, diff)
		}
	}
}
