//go:build linux || darwin

package process

import (
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
)

// template is a task of one container.
func template(command ...string) *runpb.TaskTemplate {
	return &runpb.TaskTemplate{Containers: []*runpb.Container{{Image: "example.com/job", Command: command}}}
}

// In a Go test, the next step is an option of package runwithtest.
func TestCheckInGoTest(t *testing.T) {
	t.Parallel()
	r := openTest(t, Config{Dir: t.TempDir(), InGoTest: true})
	secret := template("true")
	secret.Containers[0].Env = []*runpb.EnvVar{{Name: "KEY", Values: &runpb.EnvVar_ValueSource{ValueSource: &runpb.EnvVarSource{}}}}
	for want, template := range map[string]*runpb.TaskTemplate{
		`runwithtest.Image("example.com/job", ...)`: template(),
		"give KEY a value":                          secret,
	} {
		err := r.Check(template)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), " --") {
			t.Errorf("Check = %v, want %q in it and no flag", err, want)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	r := openTest(t, Config{Dir: t.TempDir(), Images: map[string][]string{"mapped": {"true"}, "blank": {" "}}})
	secret := &runpb.EnvVar{Name: "KEY", Values: &runpb.EnvVar_ValueSource{ValueSource: &runpb.EnvVarSource{}}}
	for name, test := range map[string]struct {
		change func(*runpb.TaskTemplate)
		want   []string // in the message; none for no error
	}{
		"Command": {func(*runpb.TaskTemplate) {}, nil},
		"MappedImage": {func(t *runpb.TaskTemplate) {
			t.Containers[0].Command, t.Containers[0].Image = nil, "mapped"
		}, nil},
		"NoCommand": {func(t *runpb.TaskTemplate) { t.Containers[0].Command = nil },
			[]string{"template.template.containers[0].command", `"example.com/job"`, "--image example.com/job=COMMAND", "set a command"}},
		"BlankCommand": {func(t *runpb.TaskTemplate) {
			t.Containers[0].Command, t.Containers[0].Image = nil, "blank"
		}, []string{"template.template.containers[0].command"}},
		"NoContainer": {func(t *runpb.TaskTemplate) { t.Containers = nil }, []string{"template.template.containers: "}},
		"TwoContainers": {func(t *runpb.TaskTemplate) { t.Containers = append(t.Containers, t.Containers[0]) },
			[]string{"template.template.containers: ", "Docker or Podman would (--runner container)"}},
		"Secret": {func(t *runpb.TaskTemplate) {
			t.Containers[0].Env = []*runpb.EnvVar{{Name: "A"}, secret}
		}, []string{"template.template.containers[0].env[1].value_source", "KEY", "--secrets DIR"}},
		"Volume": {func(t *runpb.TaskTemplate) { t.Volumes = []*runpb.Volume{{Name: "v"}} },
			[]string{"template.template.volumes: the process runner mounts no volumes; Docker or Podman would (--runner container)"}},
		"VolumeOfNobody": {func(t *runpb.TaskTemplate) {
			t.Volumes = []*runpb.Volume{{Name: "v"}, {Name: "n", VolumeType: &runpb.Volume_Nfs{Nfs: &runpb.NFSVolumeSource{}}}}
		}, []string{"template.template.volumes: the process runner mounts no volumes; take them out of the job to run it here"}},
		"VolumeMount": {func(t *runpb.TaskTemplate) { t.Containers[0].VolumeMounts = []*runpb.VolumeMount{{Name: "v"}} },
			[]string{"template.template.containers[0].volume_mounts"}},
		"SourceCode": {func(t *runpb.TaskTemplate) { t.Containers[0].SourceCode = &runpb.SourceCode{} },
			[]string{"template.template.containers[0].source_code"}},
		"NoMeaningHere": {func(t *runpb.TaskTemplate) {
			t.ServiceAccount, t.EncryptionKey, t.VpcAccess = "a@b", "key", &runpb.VpcAccess{}
			c := t.Containers[0]
			c.Resources, c.Ports, c.StartupProbe = &runpb.ResourceRequirements{}, []*runpb.ContainerPort{{}}, &runpb.Probe{}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			template := template("true")
			test.change(template)
			err := r.Check(template)
			if len(test.want) == 0 {
				if err != nil {
					t.Errorf("Check = %v, want no error", err)
				}
				return
			}
			if got := runwith.CodeOf(err); got != runwith.FailedPrecondition {
				t.Fatalf("Check = %v with code %v, want FAILED_PRECONDITION", err, got)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Check = %q, want %q in it", err, want)
				}
			}
		})
	}
}
