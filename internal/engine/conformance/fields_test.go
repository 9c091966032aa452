package conformance

import (
	"testing"

	runv1 "google.golang.org/api/run/v1"
	runv2 "google.golang.org/api/run/v2"
)

// Google's generated clients ask for partial answers, and send the parameters that every
// method has.
func TestDiscoveryClientsAskForFields(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ctx := t.Context()
	v2, err := runv2.NewService(ctx, s.rest()...)
	must(t, err)
	v1, err := runv1.NewService(ctx, s.rest()...)
	must(t, err)
	jobs := v2.Projects.Locations.Jobs
	const parent = "projects/demo/locations/us-east4"
	job := &runv2.GoogleCloudRunV2Job{Template: &runv2.GoogleCloudRunV2ExecutionTemplate{
		Template: &runv2.GoogleCloudRunV2TaskTemplate{Containers: []*runv2.GoogleCloudRunV2Container{{Image: "i"}}},
	}}
	created, err := jobs.Create(parent, job).JobId("partial").Fields("name", "metadata(name)").Do()
	must(t, err)
	if created.Name == "" || created.Done {
		t.Errorf("create with fields = %+v, want the name without done", created)
	}
	list, err := jobs.List(parent).Fields("jobs(name,template/taskCount)", "nextPageToken").PageSize(1).Do()
	must(t, err)
	if len(list.Jobs) != 1 || list.Jobs[0].Name != parent+"/jobs/partial" || list.Jobs[0].Template.TaskCount != 1 || list.Jobs[0].Uid != "" {
		t.Errorf("list with fields = %+v, want one job with name and task count alone", list.Jobs)
	}
	if _, err := jobs.Get(parent + "/jobs/partial").Fields("items").Do(); err == nil {
		t.Error("get with an unknown field succeeded, want an error")
	}
	flat, err := v1.Namespaces.Jobs.List("namespaces/demo").Fields("items/metadata/name").Do()
	must(t, err)
	if len(flat.Items) != 1 || flat.Items[0].Metadata.Name != "partial" || flat.Items[0].Spec != nil || flat.Kind != "" {
		t.Errorf("list of v1 with fields = %+v, want one name", flat)
	}
}
