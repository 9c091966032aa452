package access_test

import (
	"slices"
	"testing"
)

func TestJobs(t *testing.T) {
	f := &fake{}
	a := open(t, f)
	jobs, err := a.Jobs(as(t, "starter"))
	if err != nil || len(jobs) != 1 || jobs[0].Name != "reindex" || jobs[0].Parameters["tenant"].Type != "string" || jobs[0].Verbs[0] != "start" {
		t.Errorf("jobs = %+v, %v, want the one that the caller may see", jobs, err)
	}
	if len(f.calls) > 0 {
		t.Errorf("listing jobs reads %v from Cloud Run", f.calls)
	}
	job, err := a.Job(as(t, "starter"), "reindex")
	if err != nil || job.Name != "reindex" || job.TaskCount != 3 || job.Description != "Indexes." || job.Overrides == nil {
		t.Errorf("job = %+v, %v", job, err)
	}
	if want := []string{"Job projects/p/locations/r/jobs/other"}; !slices.Equal(f.calls, want) {
		t.Errorf("calls = %v, want %v", f.calls, want)
	}
}
