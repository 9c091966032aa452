package kubernetes

import (
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
)

func TestRefusedByName(t *testing.T) {
	t.Parallel()
	volume := func(v *runpb.Volume) *runpb.TaskTemplate {
		template := task(&runpb.Container{})
		template.Volumes = []*runpb.Volume{v}
		return template
	}
	for field, template := range map[string]*runpb.TaskTemplate{
		"containers":                     {},
		"containers[0].image":            {Containers: []*runpb.Container{{}}},
		"containers[0].source_code":      task(&runpb.Container{SourceCode: &runpb.SourceCode{}}),
		"volumes[0].cloud_sql_instance":  volume(&runpb.Volume{VolumeType: &runpb.Volume_CloudSqlInstance{}}),
		"volumes[0].gcs.bucket":          volume(&runpb.Volume{VolumeType: &runpb.Volume_Gcs{Gcs: &runpb.GCSVolumeSource{Bucket: "b"}}}),
		"containers[0].sandbox_launcher": task(&runpb.Container{SandboxLauncher: new(true)}),
	} {
		err := (&Config{}).check(template)
		if err == nil || !strings.Contains(err.Error(), "template.template."+field+":") {
			t.Errorf("check: %v, want a refusal of %s", err, field)
		}
	}
}
