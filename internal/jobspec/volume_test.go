package jobspec_test

import (
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
)

func TestValidateVolumes(t *testing.T) {
	volumes := func(volumes ...*runpb.Volume) func(*runpb.Job) {
		return onTask(func(t *runpb.TaskTemplate) { t.Volumes = volumes })
	}
	emptyDir := func(name, limit string) *runpb.Volume {
		return &runpb.Volume{Name: name, VolumeType: &runpb.Volume_EmptyDir{EmptyDir: &runpb.EmptyDirVolumeSource{SizeLimit: limit}}}
	}
	secret := func(s *runpb.SecretVolumeSource) func(*runpb.Job) {
		return volumes(&runpb.Volume{Name: "v", VolumeType: &runpb.Volume_Secret{Secret: s}})
	}
	const at = "template.template.volumes"
	runJobCases(t, []jobCase{
		{"empty folders", volumes(emptyDir("a", ""), emptyDir("b", "1Gi")), ""},
		{"a size in words", volumes(emptyDir("a", "big")), at + `[0].empty_dir.size_limit: must be an amount such as 512Mi, not "big"`},
		{"no name", volumes(emptyDir("", "")), at + "[0].name: required field not present"},
		{"the same name", volumes(emptyDir("a", ""), emptyDir("a", "")), at + `[1].name: "a" is also the name of [0]`},
		{"no source", volumes(&runpb.Volume{Name: "a"}), at + "[0]: must have one of secret, cloud_sql_instance, empty_dir, nfs and gcs"},
		{"a secret", secret(&runpb.SecretVolumeSource{Secret: "s", DefaultMode: 0o444, Items: []*runpb.VersionToPath{{Path: "p", Version: "1", Mode: 0o777}}}), ""},
		{"a secret without a name", secret(&runpb.SecretVolumeSource{}), at + "[0].secret.secret: required field not present"},
		{
			"a secret's modes and items", secret(&runpb.SecretVolumeSource{Secret: "s", DefaultMode: 0o1000, Items: []*runpb.VersionToPath{{Mode: -1}}}),
			at + "[0].secret.items[0].path: required field not present; " +
				at + "[0].secret.default_mode: must be between 0 and 0777 octal (511), not 512; " +
				at + "[0].secret.items[0].mode: must be between 0 and 0777 octal (511), not -1; " +
				at + "[0].secret.items[0].version: required field not present",
		},
		{
			"a Cloud SQL instance without its region", volumes(&runpb.Volume{Name: "cloudsql", VolumeType: &runpb.Volume_CloudSqlInstance{
				CloudSqlInstance: &runpb.CloudSqlInstance{Instances: []string{"p:r:i", "p:i"}},
			}}),
			at + `[0].cloud_sql_instance.instances[1]: must have the form PROJECT:REGION:INSTANCE, not "p:i"`,
		},
		{
			"Cloud SQL under another name", volumes(&runpb.Volume{Name: "db", VolumeType: &runpb.Volume_CloudSqlInstance{
				CloudSqlInstance: &runpb.CloudSqlInstance{Instances: []string{"p:r:i"}},
			}}),
			at + `[0].name: must be cloudsql for a Cloud SQL volume, not "db"`,
		},
		{
			"the name of Cloud SQL", volumes(&runpb.Volume{Name: "cloudsql", VolumeType: &runpb.Volume_EmptyDir{EmptyDir: &runpb.EmptyDirVolumeSource{}}}),
			at + "[0].name: cloudsql is reserved for Cloud SQL",
		},
		{
			"NFS without a server", volumes(&runpb.Volume{Name: "a", VolumeType: &runpb.Volume_Nfs{Nfs: &runpb.NFSVolumeSource{}}}),
			at + "[0].nfs.server: required field not present; " + at + "[0].nfs.path: required field not present",
		},
		{
			"a bucket without a name", volumes(&runpb.Volume{Name: "a", VolumeType: &runpb.Volume_Gcs{Gcs: &runpb.GCSVolumeSource{}}}),
			at + "[0].gcs.bucket: required field not present",
		},
	})
}

func TestValidateMounts(t *testing.T) {
	mount := func(name, path string) func(*runpb.Job) {
		return func(job *runpb.Job) {
			task := job.Template.Template
			task.Volumes = []*runpb.Volume{
				{Name: "dir", VolumeType: &runpb.Volume_EmptyDir{EmptyDir: &runpb.EmptyDirVolumeSource{}}},
				{Name: "cloudsql", VolumeType: &runpb.Volume_CloudSqlInstance{CloudSqlInstance: &runpb.CloudSqlInstance{}}},
			}
			task.Containers[0].VolumeMounts = []*runpb.VolumeMount{{Name: name, MountPath: path}}
		}
	}
	const at = container0 + "volume_mounts[0]."
	runJobCases(t, []jobCase{
		{"a folder", mount("dir", "/data"), ""},
		{"an unknown volume", mount("other", "/data"), at + `name: there is no volume named "other"`},
		{"no volume", mount("", "/data"), at + "name: required field not present"},
		{"no path", mount("dir", ""), at + "mount_path: required field not present"},
		{"a colon in the path", mount("dir", "/a:b"), at + `mount_path: must not contain a colon, as "/a:b" does`},
		{"a relative path", mount("dir", "data"), at + `mount_path: must be an absolute path, not "data"`},
		{"a path with ..", mount("dir", "/data/../proc"), at + `mount_path: must not contain .., as "/data/../proc" does`},
		{"a path of the system", mount("dir", "/proc"), at + `mount_path: must not be /dev, /proc or /sys, or below, as "/proc" is`},
		{"a path below one of the system", mount("dir", "/dev//shm/"), at + `mount_path: must not be /dev, /proc or /sys, or below, as "/dev//shm/" is`},
		{"a path that looks like one of the system", mount("dir", "/device"), ""},
		{"one path for two mounts", all(mount("dir", "/data"), onContainer(func(c *runpb.Container) {
			c.VolumeMounts = append(c.VolumeMounts, &runpb.VolumeMount{Name: "dir", MountPath: "/data/"})
		})), container0 + `volume_mounts[1].mount_path: "/data/" is also the path of [0]`},
		{"a part of a secret", all(mount("dir", "/data"), onTask(func(t *runpb.TaskTemplate) {
			t.Volumes[0].VolumeType = &runpb.Volume_Secret{Secret: &runpb.SecretVolumeSource{Secret: "s"}}
			t.Containers[0].VolumeMounts[0].SubPath = "x"
		})), at + "sub_path: is not supported for secrets, leave it out"},
		{"a part of a folder", all(mount("dir", "/data"), onContainer(func(c *runpb.Container) { c.VolumeMounts[0].SubPath = "x" })), ""},
		{"Cloud SQL without a path", mount("cloudsql", ""), ""},
		{"Cloud SQL in its place", mount("cloudsql", "/cloudsql"), ""},
		{"Cloud SQL elsewhere", mount("cloudsql", "/data"), at + `mount_path: must be empty or /cloudsql for a Cloud SQL volume, not "/data"`},
	})
}
