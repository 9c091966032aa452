package api_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/iterator"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
)

func TestCreateJobSetsDefaults(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		created := c.create(t, &runpb.Job{
			Uid: "ignored", Generation: 7, // output only
			Labels:   map[string]string{"team": "docs"},
			Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{Containers: []*runpb.Container{{Image: "mapped"}}}},
		})
		got, err := c.jobs.GetJob(t.Context(), &runpb.GetJobRequest{Name: hello})
		if err != nil {
			t.Fatalf("GetJob() = %v", err)
		}
		if diff := cmp.Diff(created, got, protocmp.Transform()); diff != "" {
			t.Errorf("GetJob() differs from what CreateJob answered:\n%s", diff)
		}
		if len(got.Uid) != 36 {
			t.Errorf("UID = %q, want one of the server's", got.Uid)
		}
		if got.Generation != 1 {
			t.Errorf("generation = %d, want 1", got.Generation)
		}
		if got.ObservedGeneration != 1 {
			t.Errorf("observed generation = %d, want 1", got.ObservedGeneration)
		}
		if got.CreateTime == nil {
			t.Error("the job has no creation time")
		}
		if got.Etag == "" {
			t.Error("the job has no etag")
		}
		task := got.Template.Template
		if got.Template.TaskCount != 1 || task.GetMaxRetries() != 3 || task.Timeout.AsDuration().Seconds() != 600 {
			t.Errorf("defaults = %v, want 1 task, 3 retries, 600 s", got.Template)
		}
		if got.TerminalCondition.GetType() != "Ready" || got.TerminalCondition.GetState() != runpb.Condition_CONDITION_SUCCEEDED {
			t.Errorf("terminal condition = %v, want Ready to be met", got.TerminalCondition)
		}
	})
}

func TestListAndDeleteJobs(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		for i := range 5 {
			_, err := c.jobs.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: fmt.Sprintf("job-%d", i), Job: shell("true")})
			if err != nil {
				t.Fatal(err)
			}
		}
		op, err := c.jobs.DeleteJob(t.Context(), &runpb.DeleteJobRequest{Name: parent + "/jobs/job-3"})
		if err != nil {
			t.Fatal(err)
		}
		deleted, err := op.Wait(t.Context())
		if err != nil || deleted.DeleteTime == nil {
			t.Errorf("DeleteJob().Wait() = %v, %v, want the job with its delete time", deleted, err)
		}
		if got, want := c.jobIDs(t, false), []string{"job-0", "job-1", "job-2", "job-4"}; !slices.Equal(got, want) {
			t.Errorf("ListJobs() = %v, want %v", got, want)
		}
		if got, want := c.jobIDs(t, true), []string{"job-0", "job-1", "job-2", "job-3", "job-4"}; !slices.Equal(got, want) {
			t.Errorf("ListJobs(show_deleted) = %v, want %v", got, want)
		}
		if got := c.jobIDsIn(t, "projects/demo/locations/europe-west1", false); len(got) != 0 {
			t.Errorf("ListJobs() of another region = %v, want none", got)
		}
	})
}

func (c *client) jobIDs(t *testing.T, deleted bool) []string { return c.jobIDsIn(t, parent, deleted) }

// jobIDsIn pages through a location's jobs, two a page.
func (c *client) jobIDsIn(t *testing.T, in string, deleted bool) (ids []string) {
	t.Helper()
	jobs := c.jobs.ListJobs(t.Context(), &runpb.ListJobsRequest{Parent: in, PageSize: 2, ShowDeleted: deleted})
	for {
		job, err := jobs.Next()
		if errors.Is(err, iterator.Done) {
			return ids
		}
		if err != nil {
			t.Fatalf("ListJobs() = %v", err)
		}
		ids = append(ids, job.Name[strings.LastIndexByte(job.Name, '/')+1:])
	}
}

func TestUpdateJob(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		created := c.create(t, shell("true"))
		changed := shell("false")
		changed.Name = hello
		op, err := c.jobs.UpdateJob(t.Context(), &runpb.UpdateJobRequest{Job: changed})
		if err != nil {
			t.Fatalf("UpdateJob() = %v", err)
		}
		got, err := op.Wait(t.Context())
		if err != nil {
			t.Fatalf("UpdateJob().Wait() = %v", err)
		}
		if got.Generation != 2 || got.Uid != created.Uid || got.Etag == created.Etag {
			t.Errorf("UpdateJob() = generation %d, UID %s, etag %s; want generation 2 of the same job with another etag", got.Generation, got.Uid, got.Etag)
		}
		if diff := cmp.Diff([]string{"sh", "-c", "false", "sh"}, got.Template.Template.Containers[0].Command); diff != "" {
			t.Errorf("UpdateJob()'s command differs (-want +got):\n%s", diff)
		}
		changed.Name = parent + "/jobs/new"
		if _, err := c.jobs.UpdateJob(t.Context(), &runpb.UpdateJobRequest{Job: changed, AllowMissing: true}); err != nil {
			t.Errorf("UpdateJob(allow_missing) = %v", err)
		}
		if got, want := c.jobIDs(t, false), []string{"hello", "new"}; !slices.Equal(got, want) {
			t.Errorf("ListJobs() = %v, want %v", got, want)
		}
	})
}

func TestValidateOnlyChangesNothing(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		req := &runpb.CreateJobRequest{Parent: parent, JobId: "dry", Job: shell("true"), ValidateOnly: true}
		if _, err := c.jobs.CreateJob(t.Context(), req); err != nil {
			t.Errorf("CreateJob(validate_only) = %v", err)
		}
		if got := c.jobIDs(t, true); len(got) != 0 {
			t.Errorf("jobs after a dry run = %v, want none", got)
		}
		before := c.create(t, shell("true"))
		if _, err := c.jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: hello, ValidateOnly: true}); err != nil {
			t.Errorf("RunJob(validate_only) = %v", err)
		}
		if _, err := c.jobs.DeleteJob(t.Context(), &runpb.DeleteJobRequest{Name: hello, ValidateOnly: true}); err != nil {
			t.Errorf("DeleteJob(validate_only) = %v", err)
		}
		after, err := c.jobs.GetJob(t.Context(), &runpb.GetJobRequest{Name: hello})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, after, protocmp.Transform()); diff != "" {
			t.Errorf("the job changed by dry runs:\n%s", diff)
		}
	})
}

func TestOverridesDoNotChangeTheJob(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, s *server, c *client) {
		job := shell(`echo "$ENV_1 $ENV_2 $KEPT"; for a; do echo "arg $a"; done`)
		job.Template.Template.Containers[0].Env = []*runpb.EnvVar{env("ENV_1", "job"), env("KEPT", "kept")}
		job.Template.Template.Containers[0].Args = []string{"of the job"}
		before := c.create(t, job)

		x := c.run(t, &runpb.RunJobRequest_Overrides{
			ContainerOverrides: []*runpb.RunJobRequest_Overrides_ContainerOverride{{
				Args: []string{"arg-1", "arg 2"}, Env: []*runpb.EnvVar{env("ENV_1", "HELLO"), env("ENV_2", "WORLD")},
			}},
			TaskCount: 1, Timeout: durationpb.New(10e9),
		})
		if diff := cmp.Diff([]string{"HELLO WORLD kept", "arg arg-1", "arg arg 2"}, s.output(t, x)); diff != "" {
			t.Errorf("output differs (-want +got):\n%s", diff)
		}
		cleared := c.run(t, &runpb.RunJobRequest_Overrides{
			ContainerOverrides: []*runpb.RunJobRequest_Overrides_ContainerOverride{{ClearArgs: true}},
		})
		if diff := cmp.Diff([]string{"job  kept"}, s.output(t, cleared)); diff != "" {
			t.Errorf("output with cleared arguments differs (-want +got):\n%s", diff)
		}
		after, err := c.jobs.GetJob(t.Context(), &runpb.GetJobRequest{Name: hello})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before.Template, after.Template, protocmp.Transform()); diff != "" {
			t.Errorf("the stored template changed by a run:\n%s", diff)
		}
		if after.Generation != before.Generation || after.Etag != before.Etag {
			t.Errorf("generation, etag = %d, %s after runs, want %d, %s", after.Generation, after.Etag, before.Generation, before.Etag)
		}
		if after.ExecutionCount != 2 || after.LatestCreatedExecution.GetName() != cleared.Name ||
			after.LatestCreatedExecution.GetCompletionStatus() != runpb.ExecutionReference_EXECUTION_SUCCEEDED {
			t.Errorf("executions = %d, latest %v, want 2 and the last one", after.ExecutionCount, after.LatestCreatedExecution)
		}
		if proto.Equal(x.Template, after.Template.Template) {
			t.Errorf("the execution's template is the job's, want its own with the overrides")
		}
	})
}

func env(name, value string) *runpb.EnvVar {
	return &runpb.EnvVar{Name: name, Values: &runpb.EnvVar_Value{Value: value}}
}
