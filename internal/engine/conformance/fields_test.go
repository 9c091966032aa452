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
	if len(list.Jobs) != 1 {
		t.Fatalf("list with fields = %+v, want one job", list.Jobs)
	}
	if want := parent + "/jobs/partial"; list.Jobs[0].Name != want {
		t.Errorf("name = %q, want %q", list.Jobs[0].Name, want)
	}
	if tasks := list.Jobs[0].Template.TaskCount; tasks != 1 {
		t.Errorf("tasks = %d, want 1", tasks)
	}
	if uid := list.Jobs[0].Uid; uid != "" {
		t.Errorf("UID = %q, want none: it is not among the fields", uid)
	}
	if _, err := jobs.Get(parent + "/jobs/partial").Fields("items").Do(); err == nil {
		t.Error("get with an unknown field succeeded, want an error")
	}
	flat, err := v1.Namespaces.Jobs.List("namespaces/demo").Fields("items/metadata/name").Do()
	must(t, err)
	if len(flat.Items) != 1 {
		t.Fatalf("list of v1 with fields = %+v, want one job", flat)
	}
	if name := flat.Items[0].Metadata.Name; name != "partial" {
		t.Errorf("name in v1 = %q, want partial", name)
	}
	if spec := flat.Items[0].Spec; spec != nil {
		t.Errorf("spec in v1 = %+v, want none: it is not among the fields", spec)
	}
	if flat.Kind != "" {
		t.Errorf("kind in v1 = %q, want none: it is not among the fields", flat.Kind)
	}
}
