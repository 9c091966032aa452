package access_test

import (
	"slices"
	"testing"
)

func TestJobs(t *testing.T) {
	f := &fake{}
	a := open(t, f)
	jobs, err := a.Jobs(as(t, "starter"))
	if err != nil {
		t.Fatal(err)
	}
	if len(jobs) != 1 {
		t.Fatalf("jobs = %+v, want the one that the caller may see", jobs)
	}
	if jobs[0].Name != "reindex" {
		t.Errorf("name in the list = %q, want reindex", jobs[0].Name)
	}
	if tenant := jobs[0].Parameters["tenant"]; tenant.Type != "string" {
		t.Errorf("type of the parameter tenant = %q, want string", tenant.Type)
	}
	if verb := jobs[0].Verbs[0]; verb != "start" {
		t.Errorf("first verb = %q, want start", verb)
	}
	if len(f.calls) > 0 {
		t.Errorf("listing jobs reads %v from Cloud Run", f.calls)
	}
	job, err := a.Job(as(t, "starter"), "reindex")
	if err != nil {
		t.Fatal(err)
	}
	if job.Name != "reindex" {
		t.Errorf("name = %q, want reindex", job.Name)
	}
	if job.TaskCount != 3 {
		t.Errorf("tasks = %d, want 3", job.TaskCount)
	}
	if job.Description != "Indexes." {
		t.Errorf("description = %q, want Indexes.", job.Description)
	}
	if job.Overrides == nil {
		t.Error("the job allows all overrides, want those of the configuration")
	}
	if want := []string{"Job projects/p/locations/r/jobs/other"}; !slices.Equal(f.calls, want) {
		t.Errorf("calls = %v, want %v", f.calls, want)
	}
}
