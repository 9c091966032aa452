package jobspec

import (
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"
)

// maxMode is the largest of a file's permission bits.
const maxMode = 0o777

// cloudSQLPath is the only path for mounting Cloud SQL volumes.
const cloudSQLPath = "/cloudsql"

func volumesByName(t *runpb.TaskTemplate) map[string]*runpb.Volume {
	byName := make(map[string]*runpb.Volume, len(t.GetVolumes()))
	for _, v := range t.GetVolumes() {
		byName[v.GetName()] = v
	}
	return byName
}

func validateVolumes(p Place, volumes []*runpb.Volume) {
	names := make([]string, len(volumes))
	for i, v := range volumes {
		names[i] = v.GetName()
		validateVolumeSource(p.Index(i), v)
	}
	validateNames(p, names)
}

func validateVolumeSource(p Place, v *runpb.Volume) {
	switch v.GetVolumeType().(type) {
	case nil:
		p.Addf("must have one of secret, cloud_sql_instance, empty_dir, nfs and gcs")
	case *runpb.Volume_Secret:
		validateSecretVolume(p.Field("secret"), v.GetSecret())
	case *runpb.Volume_CloudSqlInstance:
		for i, name := range v.GetCloudSqlInstance().GetInstances() {
			if strings.Count(name, ":") < 2 {
				p.Field("cloud_sql_instance.instances").Index(i).Addf("must have the form PROJECT:REGION:INSTANCE, not %s", Quote(name))
			}
		}
	case *runpb.Volume_EmptyDir:
		limit := v.GetEmptyDir().GetSizeLimit()
		if _, ok := parseQuantity(limit); !ok && limit != "" {
			p.Field("empty_dir.size_limit").Addf("must be an amount such as 512Mi, not %s", Quote(limit))
		}
	case *runpb.Volume_Nfs:
		validateSet(p.Field("nfs.server"), v.GetNfs().GetServer())
		validateSet(p.Field("nfs.path"), v.GetNfs().GetPath())
	case *runpb.Volume_Gcs:
		validateSet(p.Field("gcs.bucket"), v.GetGcs().GetBucket())
	}
}

func validateSecretVolume(p Place, s *runpb.SecretVolumeSource) {
	validateMode(p.Field("default_mode"), s.GetDefaultMode())
	for i, item := range s.GetItems() {
		at := p.Field("items").Index(i)
		validateMode(at.Field("mode"), item.GetMode())
		validateSet(at.Field("version"), item.GetVersion())
	}
}

func validateMode(p Place, mode int32) {
	if mode < 0 || mode > maxMode {
		p.Addf("must be between 0 and 0777 octal (511), not %d", mode)
	}
}

func validateSet(p Place, value string) {
	if value == "" {
		p.Addf(required)
	}
}

func validateMounts(p Place, c *runpb.Container, volumes map[string]*runpb.Volume) {
	for i, m := range c.GetVolumeMounts() {
		at := p.Index(i)
		volume, known := volumes[m.GetName()]
		if !known && m.GetName() != "" {
			at.Field("name").Addf("there is no volume named %s", Quote(m.GetName()))
		}
		path := at.Field("mount_path")
		_, sql := volume.GetVolumeType().(*runpb.Volume_CloudSqlInstance)
		switch {
		case sql && m.GetMountPath() != "" && m.GetMountPath() != cloudSQLPath:
			path.Addf("must be empty or %s for a Cloud SQL volume, not %s", cloudSQLPath, Quote(m.GetMountPath()))
		case m.GetMountPath() == "" && !sql:
			path.Addf(required)
		case strings.Contains(m.GetMountPath(), ":"):
			path.Addf("must not contain a colon, as %s does", Quote(m.GetMountPath()))
		}
	}
}
