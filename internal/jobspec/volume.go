package jobspec

import (
	"slices"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"
)

// maxMode is the largest of a file's permission bits.
const maxMode = 0o777

// The only name of a Cloud SQL volume, which no other volume may have, and the only path
// for mounting it.
//
// See https://cloud.google.com/run/docs/reference/rest/v1/Volume.
const (
	cloudSQLVolume = "cloudsql"
	cloudSQLPath   = "/cloudsql"
)

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
		validateVolumeName(p.Index(i).Field("name"), v)
	}
	validateNames(p, names)
}

func validateVolumeName(p Place, v *runpb.Volume) {
	switch sql := v.GetCloudSqlInstance() != nil; {
	case sql && v.GetName() != cloudSQLVolume && v.GetName() != "":
		p.Addf("must be %s for a Cloud SQL volume, not %s", cloudSQLVolume, Quote(v.GetName()))
	case !sql && v.GetName() == cloudSQLVolume:
		p.Addf("%s is reserved for Cloud SQL", cloudSQLVolume)
	}
}

func validateVolumeSource(p Place, v *runpb.Volume) {
	switch v.GetVolumeType().(type) {
	case nil:
		p.Addf("must have one of secret, cloud_sql_instance, empty_dir, nfs and gcs")
	case *runpb.Volume_Secret:
		validateSecretVolume(p.Field("secret"), v.GetSecret())
	case *runpb.Volume_CloudSqlInstance:
		for i, name := range v.GetCloudSqlInstance().GetInstances() {
			if !cloudSQLInstance.MatchString(name) {
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
		validateBucket(p.Field("gcs.bucket"), v.GetGcs().GetBucket())
	}
}

func validateSecretVolume(p Place, s *runpb.SecretVolumeSource) {
	validateSecret(p.Field("secret"), s.GetSecret())
	validateMode(p.Field("default_mode"), s.GetDefaultMode())
	for i, item := range s.GetItems() {
		at := p.Field("items").Index(i)
		validateMode(at.Field("mode"), item.GetMode())
		validateSet(at.Field("version"), item.GetVersion())
		validateSecretVersion(at.Field("version"), item.GetVersion())
		validateItemPath(at.Field("path"), item.GetPath())
	}
}

// validateItemPath accepts an empty path, because validateRequired reports it.
//
// See https://cloud.google.com/run/docs/reference/rest/v1/Volume#KeyToPath.
func validateItemPath(p Place, s string) {
	if strings.HasPrefix(s, "/") || strings.HasPrefix(s, "..") || slices.Contains(strings.Split(s, "/"), "..") {
		p.Addf("must be a path within the volume, without .., not %s", Quote(s))
	}
}

func validateBucket(p Place, name string) {
	validateSet(p, name)
	if _, ok := CutBucket(name); !ok && name != "" {
		p.Addf("must be a bucket's name, or %s, not %s", bucketForm, Quote(name))
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
