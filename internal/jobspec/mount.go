package jobspec

import (
	"path"
	"slices"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"
)

// validateMounts checks the mounts of one container, or of one sandbox.
//
// See https://cloud.google.com/run/docs/configuring/jobs/secrets#limitations.
func validateMounts(p Place, mounts []*runpb.VolumeMount, volumes map[string]*runpb.Volume) {
	first := make(map[string]int, len(mounts))
	for i, m := range mounts {
		at := p.Index(i)
		volume, known := volumes[m.GetName()]
		if !known && m.GetName() != "" {
			at.Field("name").Addf("there is no volume named %s", Quote(m.GetName()))
		}
		if m.GetSubPath() != "" && volume.GetSecret() != nil {
			at.Field("sub_path").Addf("is not supported for secrets, leave it out")
		}
		validateMountPath(at.Field("mount_path"), m.GetMountPath(), volume.GetCloudSqlInstance() != nil)
		mounted := path.Clean(m.GetMountPath())
		if earlier, found := first[mounted]; found && m.GetMountPath() != "" {
			at.Field("mount_path").Addf("%s is also the path of [%d]", Quote(m.GetMountPath()), earlier)
			continue
		}
		first[mounted] = i
	}
}

// validateMountPath checks the path of a mount; sql is true for a Cloud SQL volume.
func validateMountPath(p Place, s string, sql bool) {
	segments := strings.Split(s, "/")
	switch {
	case sql && s != "" && s != cloudSQLPath:
		p.Addf("must be empty or %s for a Cloud SQL volume, not %s", cloudSQLPath, Quote(s))
	case s == "" && !sql:
		p.Addf(required)
	case sql:
	case strings.Contains(s, ":"):
		p.Addf("must not contain a colon, as %s does", Quote(s))
	case segments[0] != "":
		p.Addf("must be an absolute path, not %s", Quote(s))
	case slices.Contains(segments, ".."):
		p.Addf("must not contain .., as %s does", Quote(s))
	case isSystemPath(path.Clean(s)):
		p.Addf("must not be /dev, /proc or /sys, or below, as %s is", Quote(s))
	}
}

// isSystemPath reports whether Cloud Run keeps a clean path for itself.
func isSystemPath(s string) bool {
	for _, system := range []string{"/dev", "/proc", "/sys"} {
		if s == system || strings.HasPrefix(s, system+"/") {
			return true
		}
	}
	return false
}
