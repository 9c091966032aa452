package jobspec

import (
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"
)

// maxMode is the largest of a file's permission bits.
const maxMode = 0o777

// cloudSQLPath is the one place where Cloud SQL volumes are mounted.
const cloudSQLPath = "/cloudsql"

func volumesByName(t *runpb.TaskTemplate) map[string]*runpb.Volume {
	byName := make(map[string]*runpb.Volume, len(t.GetVolumes()))
	for _, v := range t.GetVolumes() {
		byName[v.GetName()] = v
	}
	return byName
}

func validateVolumes(p place, volumes []*runpb.Volume) {
	names := make([]string, len(volumes))
	for i, v := range volumes {
		names[i] = v.GetName()
		validateVolumeSource(p.index(i), v)
	}
	validateNames(p, names)
}

func validateVolumeSource(p place, v *runpb.Volume) {
	switch v.GetVolumeType().(type) {
	case nil:
		p.addf("must have one of secret, cloud_sql_instance, empty_dir, nfs and gcs")
	case *runpb.Volume_Secret:
		validateSecretVolume(p.field("secret"), v.GetSecret())
	case *runpb.Volume_CloudSqlInstance:
		for i, name := range v.GetCloudSqlInstance().GetInstances() {
			if strings.Count(name, ":") < 2 {
				p.field("cloud_sql_instance.instances").index(i).addf("must have the form PROJECT:REGION:INSTANCE, not %s", quote(name))
			}
		}
	case *runpb.Volume_EmptyDir:
		limit := v.GetEmptyDir().GetSizeLimit()
		if _, ok := parseQuantity(limit); !ok && limit != "" {
			p.field("empty_dir.size_limit").addf("must be an amount such as 512Mi, not %s", quote(limit))
		}
	case *runpb.Volume_Nfs:
		validateSet(p.field("nfs.server"), v.GetNfs().GetServer())
		validateSet(p.field("nfs.path"), v.GetNfs().GetPath())
	case *runpb.Volume_Gcs:
		validateSet(p.field("gcs.bucket"), v.GetGcs().GetBucket())
	}
}

func validateSecretVolume(p place, s *runpb.SecretVolumeSource) {
	validateMode(p.field("default_mode"), s.GetDefaultMode())
	for i, item := range s.GetItems() {
		at := p.field("items").index(i)
		validateMode(at.field("mode"), item.GetMode())
		validateSet(at.field("version"), item.GetVersion())
	}
}

func validateMode(p place, mode int32) {
	if mode < 0 || mode > maxMode {
		p.addf("must be between 0 and 0777 octal (511), not %d", mode)
	}
}

func validateSet(p place, value string) {
	if value == "" {
		p.addf(required)
	}
}

func validateMounts(p place, c *runpb.Container, volumes map[string]*runpb.Volume) {
	for i, m := range c.GetVolumeMounts() {
		at := p.index(i)
		volume, known := volumes[m.GetName()]
		if !known && m.GetName() != "" {
			at.field("name").addf("there is no volume named %s", quote(m.GetName()))
		}
		path := at.field("mount_path")
		_, sql := volume.GetVolumeType().(*runpb.Volume_CloudSqlInstance)
		switch {
		case sql && m.GetMountPath() != "" && m.GetMountPath() != cloudSQLPath:
			path.addf("must be empty or %s for a Cloud SQL volume, not %s", cloudSQLPath, quote(m.GetMountPath()))
		case m.GetMountPath() == "" && !sql:
			path.addf(required)
		case strings.Contains(m.GetMountPath(), ":"):
			path.addf("must not contain a colon, as %s does", quote(m.GetMountPath()))
		}
	}
}
