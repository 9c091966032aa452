package kubernetes

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// mounting returns a template whose container mounts a volume at /v.
func mounting(v *runpb.Volume, sub string) *runpb.TaskTemplate {
	v.Name = "v"
	template := task(&runpb.Container{VolumeMounts: []*runpb.VolumeMount{{Name: "v", MountPath: "/v", SubPath: sub}}})
	template.Volumes = []*runpb.Volume{v}
	return template
}

func secretVolume(s *runpb.SecretVolumeSource) *runpb.Volume {
	return &runpb.Volume{VolumeType: &runpb.Volume_Secret{Secret: s}}
}

func bucket(s *runpb.GCSVolumeSource) *runpb.Volume {
	return &runpb.Volume{VolumeType: &runpb.Volume_Gcs{Gcs: s}}
}

func TestVolumes(t *testing.T) {
	t.Parallel()
	claim := &kube.Claim{ClaimName: "claim"}
	for _, test := range []struct {
		name   string
		volume *runpb.Volume
		sub    string
		want   kube.Volume
		mount  kube.VolumeMount
	}{
		{
			"memory", &runpb.Volume{VolumeType: &runpb.Volume_EmptyDir{EmptyDir: &runpb.EmptyDirVolumeSource{SizeLimit: "1Mi"}}}, "",
			kube.Volume{EmptyDir: &kube.EmptyDir{Medium: "Memory", SizeLimit: "1Mi"}}, kube.VolumeMount{},
		},
		{
			"disk", &runpb.Volume{VolumeType: &runpb.Volume_EmptyDir{EmptyDir: &runpb.EmptyDirVolumeSource{Medium: runpb.EmptyDirVolumeSource_DISK}}}, "sub",
			kube.Volume{EmptyDir: &kube.EmptyDir{}}, kube.VolumeMount{SubPath: "sub"},
		},
		{
			"a secret's latest version", secretVolume(&runpb.SecretVolumeSource{Secret: "projects/p/secrets/s"}), "",
			kube.Volume{Secret: &kube.SecretVolume{
				SecretName: "s", DefaultMode: new(int32(0o444)), Items: []kube.KeyPath{{Key: "latest", Path: "s"}},
			}}, kube.VolumeMount{},
		},
		{
			"versions of a secret", secretVolume(&runpb.SecretVolumeSource{Secret: "Mapped", DefaultMode: 0o600, Items: []*runpb.VersionToPath{
				{Version: "2", Path: "a/b"}, {Version: "latest", Path: "c", Mode: 0o777}, {Version: "3", Path: "d", Mode: 0o222},
			}}), "",
			kube.Volume{Secret: &kube.SecretVolume{
				SecretName: "mapped", DefaultMode: new(int32(0o400)), Items: []kube.KeyPath{
					{Key: "2", Path: "a/b"}, {Key: "latest", Path: "c", Mode: new(int32(0o555))}, {Key: "3", Path: "d", Mode: new(int32(0o444))},
				},
			}}, kube.VolumeMount{},
		},
		{
			"a bucket", bucket(&runpb.GCSVolumeSource{Bucket: "projects/_/buckets/b"}), "sub",
			kube.Volume{PersistentVolumeClaim: claim}, kube.VolumeMount{SubPath: "sub"},
		},
		{
			"a folder of a bucket, to read", bucket(&runpb.GCSVolumeSource{Bucket: "b", ReadOnly: true, MountOptions: []string{"--only-dir=a/b", "implicit-dirs"}}), "sub",
			kube.Volume{PersistentVolumeClaim: claim}, kube.VolumeMount{SubPath: "a/b/sub", ReadOnly: true},
		},
		{
			"nfs, to read", &runpb.Volume{VolumeType: &runpb.Volume_Nfs{Nfs: &runpb.NFSVolumeSource{Server: "h", Path: "/p", ReadOnly: true}}}, "sub",
			kube.Volume{NFS: &kube.NFS{Server: "h", Path: "/p", ReadOnly: true}}, kube.VolumeMount{SubPath: "sub", ReadOnly: true},
		},
	} {
		c := &Config{Buckets: map[string]string{"b": "claim"}, Secrets: map[string]string{"Mapped": "mapped"}}
		pod := podOf(t, c, mounting(test.volume, test.sub)).Spec
		test.want.Name, test.mount.Name, test.mount.MountPath = "v", "v", "/v"
		if diff := cmp.Diff([]kube.Volume{test.want}, pod.Volumes); diff != "" {
			t.Errorf("%s: volumes (-want +got):\n%s", test.name, diff)
		}
		if diff := cmp.Diff([]kube.VolumeMount{test.mount}, pod.Containers[0].VolumeMounts); diff != "" {
			t.Errorf("%s: mounts (-want +got):\n%s", test.name, diff)
		}
	}
}

// TestVolumeNameWithDots checks that a mount follows its volume to a name that a Pod may have.
func TestVolumeNameWithDots(t *testing.T) {
	t.Parallel()
	template := task(&runpb.Container{VolumeMounts: []*runpb.VolumeMount{{Name: "a.b", MountPath: "/v"}}})
	template.Volumes = []*runpb.Volume{{Name: "a.b", VolumeType: &runpb.Volume_EmptyDir{}}}
	pod := podOf(t, &Config{}, template).Spec
	if volume, mount := pod.Volumes[0].Name, pod.Containers[0].VolumeMounts[0].Name; volume != "volume-0" || mount != volume {
		t.Errorf("volume %q, mount %q, want volume-0 for both", volume, mount)
	}
}
