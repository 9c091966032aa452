package api_test

import (
	"path"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/iterator"
)

// Callers may name the engine's own project by its number; answers have its ID.
func TestProjectNumberStandsForID(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		numbered := func(name string) string { return strings.Replace(name, "projects/demo/", "projects/123456789012/", 1) }
		op, err := c.jobs.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: numbered(parent), JobId: helloID, Job: shell("true")})
		if err != nil {
			t.Fatal(err)
		}
		if job, err := op.Wait(t.Context()); err != nil || job.Name != hello {
			t.Fatalf("the created job = %v, %v, want %s", job, err, hello)
		}
		job := c.job(t, numbered(hello))
		job.Name, job.Labels = numbered(hello), map[string]string{"a": "b"}
		if job, err = c.update(t, &runpb.UpdateJobRequest{Job: job}); err != nil || job.Name != hello || job.Generation != 2 {
			t.Errorf("the updated job = %v, %v, want the same one's next generation", job, err)
		}
		run, err := c.jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: numbered(hello)})
		if err != nil {
			t.Fatal(err)
		}
		x, err := run.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := []string{
			c.job(t, hello).LatestCreatedExecution.Name,
			c.execution(t, numbered(x.Name)).Name,
			strings.Join(c.executionNames(t, numbered(hello)), " "),
		}
		if diff := cmp.Diff(slices.Repeat([]string{x.Name}, len(got)), got); diff != "" {
			t.Errorf("the execution, by its project's number (-want +got):\n%s", diff)
		}
		task := x.Name + "/tasks/" + path.Base(x.Name) + "-task0"
		if got := c.task(t, numbered(task)).Name; got != task {
			t.Errorf("GetTask(%s) = %s, want %s", numbered(task), got, task)
		}
		if got := c.operation(t, numbered(run.Name())).Name; got != run.Name() {
			t.Errorf("GetOperation(%s) = %s, want %s", numbered(run.Name()), got, run.Name())
		}
		all := c.jobs.ListOperations(t.Context(), &longrunningpb.ListOperationsRequest{Name: numbered(parent)})
		if one, err := all.Next(); err != nil || !strings.HasPrefix(one.Name, parent+"/operations/") {
			t.Errorf("ListOperations(%s) = %v, %v, want %s's", numbered(parent), one, err, parent)
		}
		if _, err := c.jobs.GetIamPolicy(t.Context(), &iampb.GetIamPolicyRequest{Resource: numbered(hello)}); err != nil {
			t.Errorf("GetIamPolicy(%s) = %v", numbered(hello), err)
		}
		other := strings.Replace(parent, "projects/demo/", "projects/210987654321/", 1)
		if job, err := c.jobs.ListJobs(t.Context(), &runpb.ListJobsRequest{Parent: other}).Next(); err != iterator.Done { //nolint:errorlint // as its documentation says
			t.Errorf("ListJobs(%s) = %v, %v, want none", other, job, err)
		}
	})
}
