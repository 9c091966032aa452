package knative

import (
	"slices"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith/internal/jobspec"
)

// cloudSQLAnnotation lists the instances that every container can reach. v2 has a volume
// for them, and a mount in each container.
// https://cloud.google.com/sql/docs/mysql/connect-run
const cloudSQLAnnotation = group + "cloudsql-instances"

// The volume and mount for the annotation. v1 reserves the name.
const (
	cloudSQLVolume = "cloudsql"
	cloudSQLPath   = "/cloudsql"
)

func readCloudSQL(p jobspec.Place, value string, t *runpb.TaskTemplate) {
	instances := splitList(strings.ReplaceAll(value, " ", ""))
	if len(instances) == 0 {
		return
	}
	if slices.ContainsFunc(t.GetVolumes(), func(v *runpb.Volume) bool { return v.GetName() == cloudSQLVolume }) {
		p.Addf("needs the name %s for its own volume: give yours another name", cloudSQLVolume)
	}
	t.Volumes = append(t.Volumes, &runpb.Volume{Name: cloudSQLVolume, VolumeType: &runpb.Volume_CloudSqlInstance{
		CloudSqlInstance: &runpb.CloudSqlInstance{Instances: instances},
	}})
	for _, c := range t.GetContainers() {
		c.VolumeMounts = append(c.VolumeMounts, cloudSQLMount())
	}
}

func cloudSQLMount() *runpb.VolumeMount {
	return &runpb.VolumeMount{Name: cloudSQLVolume, MountPath: cloudSQLPath}
}

// splitCloudSQL returns the instances for the annotation, and the template without their
// volume and mounts. Instances in other volumes stay in the template.
func splitCloudSQL(t *runpb.TaskTemplate) (rest *runpb.TaskTemplate, instances string) {
	if !isCloudSQLEverywhere(t) {
		return t, ""
	}
	last := len(t.GetVolumes()) - 1
	instances = strings.Join(t.GetVolumes()[last].GetCloudSqlInstance().GetInstances(), ",")
	rest = proto.CloneOf(t)
	rest.Volumes = rest.Volumes[:last]
	for _, c := range rest.GetContainers() {
		c.VolumeMounts = c.VolumeMounts[:len(c.VolumeMounts)-1]
	}
	return rest, instances
}

// isCloudSQLEverywhere reports whether a template has the volume and all mounts that
// readCloudSQL creates.
func isCloudSQLEverywhere(t *runpb.TaskTemplate) bool {
	last := len(t.GetVolumes()) - 1
	if last < 0 || t.GetVolumes()[last].GetName() != cloudSQLVolume || len(t.GetVolumes()[last].GetCloudSqlInstance().GetInstances()) == 0 {
		return false
	}
	for _, c := range t.GetContainers() {
		mounts := c.GetVolumeMounts()
		if len(mounts) == 0 || !proto.Equal(mounts[len(mounts)-1], cloudSQLMount()) {
			return false
		}
	}
	return true
}
