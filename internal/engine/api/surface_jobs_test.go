package api_test

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func (c *client) job(t *testing.T, name string) *runpb.Job {
	t.Helper()
	job, err := c.jobs.GetJob(t.Context(), &runpb.GetJobRequest{Name: name})
	if err != nil {
		t.Fatalf("GetJob(%q) = %v", name, err)
	}
	return job
}

// update updates a job and returns the result.
func (c *client) update(t *testing.T, req *runpb.UpdateJobRequest) (*runpb.Job, error) {
	t.Helper()
	op, err := c.jobs.UpdateJob(t.Context(), req)
	if err != nil {
		return nil, err
	}
	return op.Wait(t.Context())
}

func TestRegionsAndProjectsAreSeparate(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		parents := []string{parent, "projects/demo/locations/europe-west1", "projects/other/locations/us-east4"}
		for _, in := range parents {
			if _, err := c.jobs.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: in, JobId: helloID, Job: shell("true")}); err != nil {
				t.Fatalf("CreateJob(%s) = %v", in, err)
			}
		}
		x := c.run(t, nil)
		for _, in := range parents {
			if got := c.jobIDsIn(t, in, false); !slices.Equal(got, []string{helloID}) {
				t.Errorf("ListJobs(%s) = %v, want %s alone", in, got, helloID)
			}
		}
		for _, in := range parents[1:] {
			if got := c.executionNames(t, in+"/jobs/-"); got != nil {
				t.Errorf("ListExecutions(%s/jobs/-) = %v, want none", in, got)
			}
			elsewhere := strings.Replace(x.Name, parent, in, 1)
			_, err := c.executions.GetExecution(t.Context(), &runpb.GetExecutionRequest{Name: elsewhere})
			wantCode(t, "GetExecution() elsewhere", err, codes.NotFound, path.Base(elsewhere))
		}
		if _, err := c.jobs.DeleteJob(t.Context(), &runpb.DeleteJobRequest{Name: hello}); err != nil {
			t.Fatal(err)
		}
		for _, in := range parents[1:] {
			if got := c.jobIDsIn(t, in, false); !slices.Equal(got, []string{helloID}) {
				t.Errorf("ListJobs(%s) after a deletion elsewhere = %v, want %s", in, got, helloID)
			}
		}
	})
}

func TestUpdateIgnoresOutputFields(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		created := c.create(t, shell("true"))
		sent := proto.CloneOf(created)
		sent.Uid, sent.Generation, sent.ObservedGeneration = "mine", 99, 98
		sent.Creator, sent.LastModifier, sent.ExecutionCount = "me@example.com", "me@example.com", 7
		sent.CreateTime = timestamppb.New(time.Unix(1, 0))
		sent.UpdateTime, sent.DeleteTime, sent.ExpireTime = sent.CreateTime, sent.CreateTime, sent.CreateTime
		sent.TerminalCondition = &runpb.Condition{Type: "Mine"}
		sent.Conditions = []*runpb.Condition{sent.TerminalCondition}
		sent.LatestCreatedExecution = &runpb.ExecutionReference{Name: "mine"}
		sent.Reconciling, sent.SatisfiesPzs = true, true
		sent.Template.Template.Containers[0].BuildInfo = &runpb.BuildInfo{FunctionTarget: "mine"}
		sent.Labels = map[string]string{"changed": "yes"}

		got, err := c.update(t, &runpb.UpdateJobRequest{Job: sent})
		if err != nil {
			t.Fatalf("UpdateJob() = %v", err)
		}
		want := proto.CloneOf(created)
		want.Labels = map[string]string{"changed": "yes"}
		want.Generation, want.ObservedGeneration = 2, 2
		if diff := cmp.Diff(want, got, protocmp.Transform(), protocmp.IgnoreFields(want, "etag", "update_time", "terminal_condition")); diff != "" {
			t.Errorf("UpdateJob() differs (-want +got):\n%s", diff)
		}
		if !got.UpdateTime.AsTime().After(created.UpdateTime.AsTime()) || got.TerminalCondition.Type != "Ready" {
			t.Errorf("update time, condition = %v, %v; want the server's own", got.UpdateTime, got.TerminalCondition)
		}
	})
}

func TestUpdateChecksEtag(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		first := c.create(t, shell("true"))
		sent := proto.CloneOf(first)
		second, err := c.update(t, &runpb.UpdateJobRequest{Job: sent})
		if err != nil || second.Etag == first.Etag || second.Generation != 2 {
			t.Fatalf("UpdateJob() with the newest etag = %v, %v; want generation 2 with another etag", second, err)
		}
		_, err = c.update(t, &runpb.UpdateJobRequest{Job: sent})
		wantCode(t, "UpdateJob() with the first etag", err, codes.Aborted, "etag")
		sent.Etag = ""
		if third, err := c.update(t, &runpb.UpdateJobRequest{Job: sent}); err != nil || third.Generation != 3 {
			t.Errorf("UpdateJob() without an etag = %v, %v; want generation 3", third, err)
		}
		_, err = c.jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: hello, Etag: second.Etag})
		wantCode(t, "RunJob() with an old etag", err, codes.Aborted, "etag")
		_, err = c.jobs.DeleteJob(t.Context(), &runpb.DeleteJobRequest{Name: hello, Etag: second.Etag})
		wantCode(t, "DeleteJob() with an old etag", err, codes.Aborted, "etag")
		now := c.job(t, hello)
		if now.Generation != 3 || now.ExecutionCount != 0 {
			t.Errorf("the job = %v, want generation 3 and no execution: refused requests change nothing", now)
		}
		if _, err := c.jobs.DeleteJob(t.Context(), &runpb.DeleteJobRequest{Name: hello, Etag: now.Etag}); err != nil {
			t.Errorf("DeleteJob() with the newest etag = %v", err)
		}
	})
}

func TestUpdateOfMissingJob(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		job := shell("true")
		job.Name = hello
		_, err := c.update(t, &runpb.UpdateJobRequest{Job: job})
		wantCode(t, "UpdateJob()", err, codes.NotFound, "Resource 'hello' of kind 'JOB' in region 'us-east4' in project 'demo' does not exist.")
		if _, err := c.update(t, &runpb.UpdateJobRequest{Job: job, AllowMissing: true, ValidateOnly: true}); err != nil {
			t.Errorf("UpdateJob(allow_missing, validate_only) = %v", err)
		}
		if got := c.jobIDs(t, true); got != nil {
			t.Errorf("jobs after a dry run = %v, want none", got)
		}
		got, err := c.update(t, &runpb.UpdateJobRequest{Job: job, AllowMissing: true})
		if err != nil || got.Generation != 1 || got.Uid == "" {
			t.Errorf("UpdateJob(allow_missing) = %v, %v; want generation 1", got, err)
		}
		job.Name = parent + "/jobs/Bad_"
		_, err = c.update(t, &runpb.UpdateJobRequest{Job: job, AllowMissing: true})
		wantCode(t, "UpdateJob() of a bad name", err, codes.InvalidArgument, "Bad_")
	})
}

func TestJobHasItsExecutions(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		dir := t.TempDir()
		c.create(t, held(dir))
		first, firstOp := c.start(t)
		pidIn(t, filepath.Join(dir, "0"))
		c.wantLatest(t, 1, first.Name, runpb.ExecutionReference_EXECUTION_RUNNING)
		open(t, dir)
		if _, err := firstOp.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.wantLatest(t, 1, first.Name, runpb.ExecutionReference_EXECUTION_SUCCEEDED)
		second := c.run(t, nil)
		c.wantLatest(t, 2, second.Name, runpb.ExecutionReference_EXECUTION_SUCCEEDED)

		before := c.job(t, hello)
		for i, left := range []string{first.Name, ""} {
			newest := []string{second.Name, first.Name}[i]
			if _, err := c.executions.DeleteExecution(t.Context(), &runpb.DeleteExecutionRequest{Name: newest}); err != nil {
				t.Fatal(err)
			}
			c.wantLatest(t, int32(1-i), left, map[bool]runpb.ExecutionReference_CompletionStatus{true: runpb.ExecutionReference_EXECUTION_SUCCEEDED}[left != ""])
		}
		if after := c.job(t, hello); after.Etag != before.Etag || after.Generation != 1 || after.Reconciling {
			t.Errorf("the job = %v, want the generation and etag of before: %v", after, before)
		}
	})
}

// wantLatest checks the number of executions of hello and the newest of them.
func (c *client) wantLatest(t *testing.T, count int32, name string, status runpb.ExecutionReference_CompletionStatus) {
	t.Helper()
	job := c.job(t, hello)
	if latest := job.LatestCreatedExecution; job.ExecutionCount != count || latest.GetName() != name || latest.GetCompletionStatus() != status {
		t.Errorf("executions = %d, the newest %v; want %d, %q and %v", job.ExecutionCount, latest, count, name, status)
	}
}

func TestLabelsAndAnnotations(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		job := shell("true")
		job.Labels = map[string]string{"of": "the-job", "example.com/team.name": "a_b"}
		job.Annotations = map[string]string{"example.com/Of": "The job, as it is"}
		job.Template.Labels = map[string]string{"of": "the-template"}
		job.Template.Annotations = map[string]string{"Of": "the template"}
		created := c.create(t, job)
		if diff := cmp.Diff([]any{job.Labels, job.Annotations, job.Template.Labels}, []any{created.Labels, created.Annotations, created.Template.Labels}); diff != "" {
			t.Errorf("labels and annotations differ (-want +got):\n%s", diff)
		}
		x := c.run(t, nil)
		if diff := cmp.Diff([]any{job.Template.Labels, job.Template.Annotations}, []any{x.Labels, x.Annotations}); diff != "" {
			t.Errorf("the execution's differ from the template's (-want +got):\n%s", diff)
		}
		for _, namespace := range []string{"run.googleapis.com", "cloud.googleapis.com", "serving.knative.dev", "autoscaling.knative.dev"} {
			for field, set := range map[string]func(*runpb.Job, map[string]string){
				"labels":               func(j *runpb.Job, m map[string]string) { j.Labels = m },
				"annotations":          func(j *runpb.Job, m map[string]string) { j.Annotations = m },
				"template.labels":      func(j *runpb.Job, m map[string]string) { j.Template.Labels = m },
				"template.annotations": func(j *runpb.Job, m map[string]string) { j.Template.Annotations = m },
			} {
				job := shell("true")
				set(job, map[string]string{namespace + "/x": "y"})
				_, err := c.jobs.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: "x", Job: job})
				if says := fmt.Sprint(err); codeOf(err) != codes.InvalidArgument || !strings.Contains(strings.ReplaceAll(says, `\"`, `"`), fmt.Sprintf(`%s["%s/x"]: the namespace %[2]s is reserved`, field, namespace)) {
					t.Errorf("CreateJob() with %s in %s = %v, want it refused by name", namespace, field, err)
				}
			}
		}
	})
}
