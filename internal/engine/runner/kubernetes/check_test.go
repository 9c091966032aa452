package kubernetes

import (
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
)

func TestRefusedByName(t *testing.T) {
	t.Parallel()
	volume := func(v *runpb.Volume) *runpb.TaskTemplate { return mounting(v, "") }
	mount := func(path, sub string) *runpb.TaskTemplate {
		template := volume(&runpb.Volume{VolumeType: &runpb.Volume_EmptyDir{}})
		template.Containers[0].VolumeMounts[0].MountPath = path
		template.Containers[0].VolumeMounts[0].SubPath = sub
		return template
	}
	env := &runpb.EnvVar{Name: "A", Values: &runpb.EnvVar_ValueSource{ValueSource: &runpb.EnvVarSource{
		SecretKeyRef: &runpb.SecretKeySelector{Secret: "My_Secret"},
	}}}
	mainFirst := task(&runpb.Container{Name: "app"})
	mainFirst.Containers = append(mainFirst.Containers, &runpb.Container{Name: "log", Image: box, DependsOn: []string{"app"}})
	for _, test := range []struct {
		template *runpb.TaskTemplate
		want     string
	}{
		{&runpb.TaskTemplate{}, "containers: the Kubernetes runner runs at least one"},
		{&runpb.TaskTemplate{Containers: []*runpb.Container{{}}}, "containers[0].image: is empty; name an image"},
		{task(&runpb.Container{SourceCode: &runpb.SourceCode{}}), "containers[0].source_code: the Kubernetes runner fetches no source code; build an image"},
		{mainFirst, "containers[1].depends_on[0]: app is the main container, and in a Pod the main container starts last"},
		{task(&runpb.Container{Env: []*runpb.EnvVar{env}}), `containers[0].env[0].value_source: no Secret can have the name "My_Secret"; start the server with --kubernetes-secret My_Secret=NAME`},
		{volume(secretVolume(&runpb.SecretVolumeSource{Secret: "My_Secret"})), `volumes[0].secret.secret: no Secret can have the name "My_Secret"`},
		{volume(secretVolume(&runpb.SecretVolumeSource{Secret: "s", Items: []*runpb.VersionToPath{{Path: "../x"}}})), "volumes[0].secret.items[0].path: must stay within the volume"},
		{volume(bucket(&runpb.GCSVolumeSource{Bucket: "b"})), "volumes[0].gcs.bucket: no PersistentVolumeClaim stands for bucket b; start the server with --kubernetes-bucket b=pvc/NAME"},
		{volume(bucket(&runpb.GCSVolumeSource{Bucket: "in", MountOptions: []string{"only-dir=../x"}})), "volumes[0].gcs.mount_options: only-dir must stay within the bucket"},
		{volume(&runpb.Volume{VolumeType: &runpb.Volume_Nfs{Nfs: &runpb.NFSVolumeSource{Server: "h", Path: "p"}}}), `volumes[0].nfs.path: must be an absolute path, not "p"`},
		{volume(&runpb.Volume{VolumeType: &runpb.Volume_CloudSqlInstance{}}), "volumes[0].cloud_sql_instance: Pods have no Cloud SQL sockets; run Cloud SQL's proxy in a container beside the task's"},
		{volume(&runpb.Volume{}), "volumes[0]: the Kubernetes runner does not know this kind of volume"},
		{mount("/", ""), "containers[0].volume_mounts[0].mount_path: must be an absolute path other than /"},
		{mount("/v", "../x"), "containers[0].volume_mounts[0].sub_path: must stay within the volume"},
		{task(&runpb.Container{SandboxLauncher: new(true)}), "containers[0].sandbox_launcher: "},
		{task(&runpb.Container{Args: []string{strings.Repeat("$", maxPod/2)}}), "containers: a Pod can have about 1048576 bytes"},
	} {
		err := (&Config{Buckets: map[string]string{"in": "claim"}}).check(test.template)
		if runwith.CodeOf(err) != runwith.FailedPrecondition || !strings.Contains(err.Error(), "template.template."+test.want) {
			t.Errorf("check: %v, want a FAILED_PRECONDITION with %q", err, test.want)
		}
	}
}

func TestCheckAcceptsEveryMappedField(t *testing.T) {
	t.Parallel()
	if err := (&Config{Buckets: map[string]string{"b": "claim"}}).check(everyMapped()); err != nil {
		t.Error(err)
	}
}

func TestConfigFaults(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]Config{
		`config.Buckets: b is "pvc/x", which is no name of an object`:     {Buckets: map[string]string{"b": "pvc/x"}},
		`config.Secrets: s is "My_Secret", which is no name of an object`: {Secrets: map[string]string{"s": "My_Secret"}},
		`config.ServiceAccounts: a is "", which is no name of an object`:  {ServiceAccounts: map[string]string{"a": ""}},
		`config.Accelerators: a is "gpu", must be the label of nodes`:     {Accelerators: map[string]string{"a": "gpu"}},
		`config.Queue: is "a b", which is no name of an object`:           {Queue: "a b"},
		`config.Metadata: is "http://m:80", must be HOST:PORT`:            {Metadata: "http://m:80"},
	} {
		c.Dir = "d"
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate: %v, want %q", err, want)
		}
	}
	valid := Config{Dir: "d", Metadata: "m:80", Queue: "batch", Secrets: map[string]string{"s": "with.dots"}}
	if err := valid.Validate(); err != nil {
		t.Errorf("Validate: %v", err)
	}
}
