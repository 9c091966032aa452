package api_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// valid has values for the fields of a job that do not accept arbitrary text or numbers.
var valid = map[string]any{
	"Job.name":                             hello,
	"Container.command":                    "true",
	"Container.working_dir":                "/",
	"ContainerPort.name":                   "http1",
	"ContainerPort.container_port":         int32(8080),
	"CloudSqlInstance.instances":           "project:region:instance",
	"EmptyDirVolumeSource.size_limit":      "512Mi",
	"ExecutionTemplate.parallelism":        int32(2),
	"ExecutionTemplate.task_count":         int32(2),
	"Job.launch_stage":                     protoreflect.EnumNumber(3), // BETA
	"ResourceRequirements.limits":          map[string]string{"cpu": "2", "memory": "1Gi"},
	"TaskTemplate.execution_environment":   protoreflect.EnumNumber(2), // GEN2
	"TaskTemplate.timeout":                 &durationpb.Duration{Seconds: 60},
	"Container.depends_on":                 "beside",
	"VolumeMount.mount_path":               "/cloudsql", // good for a volume of any type
	"ExecutionTemplate.labels":             map[string]string{"of": "the-template"},
	"SourceCode.CloudStorageSource.bucket": "bucket",
	"TaskTemplate.service_account":         "sa@demo.iam.gserviceaccount.com",
	"TaskTemplate.encryption_key":          "projects/p/locations/l/keyRings/r/cryptoKeys/k",
	"VpcAccess.connector":                  "projects/p/locations/l/connectors/c",
}

// exclusive are fields that exclude others although they share no oneof with them, with the
// members for which they are set.
var exclusive = map[string]func(member int) bool{
	"VpcAccess.connector":          func(member int) bool { return member%2 == 0 },
	"VpcAccess.network_interfaces": func(member int) bool { return member%2 == 1 },
	"VolumeMount.sub_path":         func(member int) bool { return member%members != 0 }, // not of a secret
}

// filler sets every field of a message that a caller may set, at every depth.
type filler struct {
	member int                                     // of each oneof
	skip   func(protoreflect.FieldDescriptor) bool // leaves a field out
	set    map[string]bool                         // MESSAGE.FIELD of what was set
}

func (f *filler) fill(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		name := docName(m.Descriptor()) + "." + string(field.Name())
		if set, ok := exclusive[name]; outputOnly(field) || f.skip(field) || !f.chosen(field) || ok && !set(f.member) {
			continue
		}
		f.set[name] = true
		switch {
		case field.IsMap():
			f.fillMap(m.Mutable(field).Map(), field)
		case field.IsList():
			list := m.Mutable(field).List()
			list.Append(f.value(field, list.NewElement()))
		default:
			m.Set(field, f.value(field, m.NewField(field)))
		}
	}
}

// chosen reports whether it is a field's turn among the members of its oneof.
func (f *filler) chosen(field protoreflect.FieldDescriptor) bool {
	oneof := field.ContainingOneof()
	return oneof == nil || oneof.Fields().Get(f.member%oneof.Fields().Len()) == field
}

func (f *filler) fillMap(m protoreflect.Map, field protoreflect.FieldDescriptor) {
	entries, ok := valid[docName(field.ContainingMessage())+"."+string(field.Name())].(map[string]string)
	if !ok {
		entries = map[string]string{"example.com/key": "value"}
	}
	for key, value := range entries {
		m.Set(protoreflect.ValueOfString(key).MapKey(), protoreflect.ValueOfString(value))
	}
}

func (f *filler) value(field protoreflect.FieldDescriptor, empty protoreflect.Value) protoreflect.Value {
	special := valid[docName(field.ContainingMessage())+"."+string(field.Name())]
	if message, ok := special.(proto.Message); ok {
		return protoreflect.ValueOfMessage(message.ProtoReflect())
	}
	if special != nil {
		return protoreflect.ValueOf(special)
	}
	if name := field.FullName(); f.member%members == 1 && (name == runPackage+".Volume.name" || name == runPackage+".VolumeMount.name") {
		return protoreflect.ValueOfString("cloudsql") // the only name of a volume of that type
	}
	switch field.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString("text")
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(1)
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(1)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(field.Enum().Values().Get(1).Number())
	}
	f.fill(empty.Message())
	return empty
}

func outputOnly(field protoreflect.FieldDescriptor) bool {
	behavior, _ := proto.GetExtension(field.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return slices.Contains(behavior, annotations.FieldBehavior_OUTPUT_ONLY)
}

// createsExecution has the fields of a job that start an execution on creation.
// tokens_test.go tests them.
func createsExecution(field protoreflect.FieldDescriptor) bool {
	return field.ContainingOneof() != nil && field.ContainingOneof().Name() == "create_execution" || field.FullName() == runPackage+".Job.etag"
}

// settable returns a job without its output fields.
func settable(job *runpb.Job) *runpb.Job {
	job = proto.CloneOf(job)
	jobspec.ClearOutputOnly(job)
	job.Etag = ""
	return job
}

// members returns the size of the largest oneof in a job.
const members = 5

func TestJobKeepsEveryField(t *testing.T) {
	t.Parallel()
	doc := readCompatibility(t)
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		set := map[string]bool{}
		for member := range members {
			sent := &runpb.Job{}
			(&filler{member: member, set: set, skip: func(field protoreflect.FieldDescriptor) bool {
				return createsExecution(field) || doc.of(field) == refused
			}}).fill(sent.ProtoReflect())
			containers := &sent.Template.Template.Containers
			*containers = append(*containers, &runpb.Container{Name: "beside", Image: "mapped", Resources: (*containers)[0].Resources})

			if created := c.create(t, sent); !cmp.Equal(sent, settable(created), protocmp.Transform()) {
				t.Errorf("CreateJob() differs from what was sent (-sent +got):\n%s", cmp.Diff(sent, settable(created), protocmp.Transform()))
			}
			if diff := cmp.Diff(sent, settable(c.job(t, hello)), protocmp.Transform()); diff != "" {
				t.Errorf("GetJob() differs from what was sent (-sent +got):\n%s", diff)
			}
			if updated, err := c.update(t, &runpb.UpdateJobRequest{Job: sent}); err != nil || !cmp.Equal(sent, settable(updated), protocmp.Transform()) {
				t.Errorf("UpdateJob() = %v, %v; differs from what was sent", updated, err)
			}
			if _, err := c.jobs.DeleteJob(t.Context(), &runpb.DeleteJobRequest{Name: hello}); err != nil {
				t.Fatal(err)
			}
		}
		wantAllSet(t, doc, set)
	})
}

// wantAllSet checks that a test has set exactly the fields that are kept according to
// docs/compatibility.md.
func wantAllSet(t *testing.T, doc compatibility, set map[string]bool) {
	t.Helper()
	below := map[string]protoreflect.MessageDescriptor{}
	addMessages(below, (&runpb.Job{}).ProtoReflect().Descriptor(), outputOnly)
	for name, message := range below {
		for i := range message.Fields().Len() {
			field := message.Fields().Get(i)
			if createsExecution(field) {
				continue
			}
			kept := slices.Contains([]string{honoured, stored, refusedOnRun}, doc.of(field))
			if full := name + "." + string(field.Name()); set[full] != kept {
				t.Errorf("docs/compatibility.md: %s is %q, and it was set by the test: %v", full, doc.of(field), set[full])
			}
		}
	}
}

// A job with every field that can run here runs with all of them.
func TestRunJobWithEveryField(t *testing.T) {
	t.Parallel()
	doc := readCompatibility(t)
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		for member := range members {
			job := &runpb.Job{}
			(&filler{member: member, set: map[string]bool{}, skip: func(field protoreflect.FieldDescriptor) bool {
				return createsExecution(field) || doc.of(field) == refusedOnRun || doc.of(field) == refused
			}}).fill(job.ProtoReflect())
			job.Template.Template.Containers[0].Env = []*runpb.EnvVar{env("NAME", "value")}
			job = c.create(t, job)
			x := c.run(t, nil)
			if x.SucceededCount != 2 {
				t.Errorf("execution of a full job = %v, want its two tasks to succeed", x)
			}
			of := &runpb.ExecutionTemplate{Labels: x.Labels, Annotations: x.Annotations, Parallelism: x.Parallelism, TaskCount: x.TaskCount, Template: x.Template,
				Client: x.Client, ClientVersion: x.ClientVersion, DelayExecution: job.Template.DelayExecution}
			if diff := cmp.Diff(job.Template, of, protocmp.Transform()); diff != "" || x.LaunchStage != job.LaunchStage {
				t.Errorf("the execution differs from the job's template (-job +execution):\n%s", diff)
			}
			if diff := cmp.Diff(x.Template, templateOf(c.task(t, taskName(x, 1))), protocmp.Transform()); diff != "" {
				t.Errorf("the task differs from the execution's template (-execution +task):\n%s", diff)
			}
			if _, err := c.jobs.DeleteJob(t.Context(), &runpb.DeleteJobRequest{Name: hello}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// templateOf returns the template in a task.
func templateOf(task *runpb.Task) *runpb.TaskTemplate {
	return &runpb.TaskTemplate{
		Containers: task.Containers, Volumes: task.Volumes, Retries: &runpb.TaskTemplate_MaxRetries{MaxRetries: task.MaxRetries},
		Timeout: task.Timeout, ServiceAccount: task.ServiceAccount, ExecutionEnvironment: task.ExecutionEnvironment,
		EncryptionKey: task.EncryptionKey, VpcAccess: task.VpcAccess, NodeSelector: task.NodeSelector,
		GpuZonalRedundancyDisabled: task.GpuZonalRedundancyDisabled, WorkloadIdentityConfig: task.WorkloadIdentityConfig, Sandboxes: task.Sandboxes,
	}
}

// refusals has jobs that can be stored but not run, by the field that prevents it.
var refusals = map[string]struct {
	change func(*runpb.TaskTemplate)
	says   string
}{
	"TaskTemplate.volumes": {func(t *runpb.TaskTemplate) {
		t.Volumes = []*runpb.Volume{{Name: "v", VolumeType: &runpb.Volume_EmptyDir{EmptyDir: &runpb.EmptyDirVolumeSource{}}}}
	}, "template.template.volumes"},
	"Container.volume_mounts": {func(t *runpb.TaskTemplate) {
		t.Volumes = []*runpb.Volume{{Name: "v", VolumeType: &runpb.Volume_EmptyDir{EmptyDir: &runpb.EmptyDirVolumeSource{}}}}
		t.Containers[0].VolumeMounts = []*runpb.VolumeMount{{Name: "v", MountPath: "/v"}}
	}, "template.template.volumes"},
	"Container.source_code": {func(t *runpb.TaskTemplate) {
		t.Containers[0].SourceCode = &runpb.SourceCode{SourceType: &runpb.SourceCode_CloudStorageSource_{
			CloudStorageSource: &runpb.SourceCode_CloudStorageSource{Bucket: "b", Object: "o"},
		}}
	}, "template.template.containers[0].source_code"},
	"Container.sandbox_launcher": {func(t *runpb.TaskTemplate) {
		t.Containers[0].SandboxLauncher = new(true)
	}, "template.template.containers[0].sandbox_launcher"},
	"TaskTemplate.sandboxes": {func(t *runpb.TaskTemplate) {
		t.Sandboxes = &runpb.SandboxConfiguration{Templates: []*runpb.SandboxTemplate{{Name: "s", Image: "i"}}}
	}, "template.template.sandboxes"},
	"EnvVar.value_source": {func(t *runpb.TaskTemplate) {
		t.Containers[0].Env = []*runpb.EnvVar{env("KNOWN", "x"), secret("SECRET")}
	}, "template.template.containers[0].env[1].value_source"},
	"Container.depends_on": {func(t *runpb.TaskTemplate) {
		t.Containers[0].Name, t.Containers[0].DependsOn = "first", []string{"second"}
		t.Containers = append(t.Containers, &runpb.Container{Name: "second", Image: "mapped"})
	}, "template.template.containers: "},
}

func secret(name string) *runpb.EnvVar {
	return &runpb.EnvVar{Name: name, Values: &runpb.EnvVar_ValueSource{ValueSource: &runpb.EnvVarSource{
		SecretKeyRef: &runpb.SecretKeySelector{Secret: "s"},
	}}}
}

func TestRunRefusesFieldsByName(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		for field, refusal := range refusals {
			job := shell("true")
			job.Name = hello
			refusal.change(job.Template.Template)
			if _, err := c.update(t, &runpb.UpdateJobRequest{Job: job, AllowMissing: true}); err != nil {
				t.Errorf("%s: UpdateJob() = %v, want it kept", field, err)
				continue
			}
			for _, dry := range []bool{false, true} {
				_, err := c.jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: hello, ValidateOnly: dry})
				wantCode(t, field+": RunJob()", err, codes.FailedPrecondition, refusal.says)
			}
		}
		job := shell("true")
		job.Name = hello
		if _, err := c.update(t, &runpb.UpdateJobRequest{Job: job}); err != nil {
			t.Fatal(err)
		}
		_, err := c.jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: hello, Overrides: &runpb.RunJobRequest_Overrides{
			ContainerOverrides: []*runpb.RunJobRequest_Overrides_ContainerOverride{{Env: []*runpb.EnvVar{secret("SECRET")}}},
		}})
		wantCode(t, "RunJob() with a secret in an override", err, codes.FailedPrecondition, "containers[0].env[0].value_source")
		if got := c.executionNames(t, hello); got != nil {
			t.Errorf("executions after refused runs = %v, want none", got)
		}
	})
}

// Every field that is refused on run has a refusal above, directly or through its parent.
func TestRefusalsMatchTheCompatibilityTables(t *testing.T) {
	t.Parallel()
	doc := readCompatibility(t)
	all, runnable := map[string]protoreflect.MessageDescriptor{}, map[string]protoreflect.MessageDescriptor{}
	job := (&runpb.Job{}).ProtoReflect().Descriptor()
	addMessages(all, job, outputOnly)
	addMessages(runnable, job, func(field protoreflect.FieldDescriptor) bool {
		return outputOnly(field) || doc.of(field) == refusedOnRun || doc.of(field) == refused
	})
	want := slices.Sorted(maps.Keys(refusals))
	var got []string
	for name, message := range all {
		for i := range message.Fields().Len() {
			field := message.Fields().Get(i)
			full := name + "." + string(field.Name())
			switch onRun := doc.of(field) == refusedOnRun; {
			case runnable[name] == nil && !onRun && doc.of(field) != refused:
				t.Errorf("docs/compatibility.md: %s is %q, and can be set in what is refused on run alone", full, doc.of(field))
			case runnable[name] != nil && onRun:
				got = append(got, full)
			}
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("docs/compatibility.md: refused on run = %s, want %s", strings.Join(got, " "), strings.Join(want, " "))
	}
}

func TestJobKeepsItsTokens(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		for _, job := range []*runpb.Job{
			{CreateExecution: &runpb.Job_StartExecutionToken{StartExecutionToken: "start"}},
			{CreateExecution: &runpb.Job_RunExecutionToken{RunExecutionToken: "run"}},
		} {
			job.Name, job.Template = hello, shell("true").Template
			if _, err := c.update(t, &runpb.UpdateJobRequest{Job: job, AllowMissing: true}); err != nil {
				t.Fatal(err)
			}
			got := c.job(t, hello)
			if got.GetStartExecutionToken() != job.GetStartExecutionToken() || got.GetRunExecutionToken() != job.GetRunExecutionToken() {
				t.Errorf("GetJob() = %v, want the token of %v", got.CreateExecution, job.CreateExecution)
			}
		}
	})
}
