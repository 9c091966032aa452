package v1_test

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	run "cloud.google.com/go/run/apiv2"
	"cloud.google.com/go/run/apiv2/runpb"
	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/api/option"
	runv1 "google.golang.org/api/run/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/eventually"
)

func TestLifeOfAJob(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := dial(t, s, "us-east4-run.googleapis.com")
	dir := t.TempDir()
	job := shell(hello, `echo "$A $B $*" >`+dir+`/$CLOUD_RUN_TASK_INDEX`)
	job.Metadata.Labels = map[string]string{"team": "infra"}
	job.Spec.Template.Spec.TaskCount, job.Spec.Template.Spec.Parallelism = 3, 2
	job.Spec.Template.Spec.Template.Spec.Containers[0].Env = []*runv1.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "2"}}

	created := c.create(t, job)
	meta := created.Metadata
	for _, field := range []struct {
		name      string
		got, want any
	}{
		{"name", meta.Name, hello},
		{"namespace", meta.Namespace, "123456789012"},
		{"generation", meta.Generation, int64(1)},
		{"selfLink", meta.SelfLink, root + namespace + "/jobs/hello"},
		{"label team", meta.Labels["team"], "infra"},
		{"label of the location", meta.Labels["cloud.googleapis.com/location"], "us-east4"},
	} {
		if field.got != field.want {
			t.Errorf("new job: %s = %v, want %v", field.name, field.got, field.want)
		}
	}
	if meta.Uid == "" {
		t.Error("the new job has no UID")
	}
	if meta.ResourceVersion == "" {
		t.Error("the new job has no resourceVersion")
	}
	if got := conditionOf(created.Status.Conditions, "Ready"); got != "missing" || created.Status.ObservedGeneration != 0 {
		t.Errorf("the new job is ready: %s, generation %d observed; want neither in the first answer", got, created.Status.ObservedGeneration)
	}
	spec := created.Spec.Template.Spec.Template.Spec
	if spec.MaxRetries != 3 || spec.TimeoutSeconds != 600 || spec.Containers[0].Resources.Limits["cpu"] != "1000m" {
		t.Errorf("the new job has %d retries, %d s, %v; want Cloud Run's defaults", spec.MaxRetries, spec.TimeoutSeconds, spec.Containers[0].Resources.Limits)
	}
	got, err := c.jobs.Get("namespaces/demo/jobs/hello").Do()
	if err != nil {
		t.Fatal(err)
	}
	if ready := conditionOf(got.Status.Conditions, "Ready"); ready != "True/" || got.Status.ObservedGeneration != 1 {
		t.Errorf("the job is ready: %s, generation %d observed; want True, 1", ready, got.Status.ObservedGeneration)
	}
	got.ServerResponse, got.Status = created.ServerResponse, created.Status // headers, and what the first answer lacks
	if diff := gocmp.Diff(created, got); diff != "" {
		t.Errorf("jobs.get differs from what was created (-created +got):\n%s", diff)
	}

	x := c.run(t, hello, &runv1.Overrides{
		ContainerOverrides: []*runv1.ContainerOverride{{Args: []string{"x", "y"}, Env: []*runv1.EnvVar{{Name: "B", Value: "9"}}}},
		TaskCount:          2, TimeoutSeconds: 60,
	})
	if x.Metadata.Namespace != "123456789012" || x.Metadata.Labels["run.googleapis.com/job"] != hello || x.Metadata.Labels["run.googleapis.com/servingState"] != "Active" {
		t.Errorf("metadata of the execution = %+v", x.Metadata)
	}
	x = c.finish(t, s, x)
	if got := conditionOf(x.Status.Conditions, "Completed"); got != "True/" || x.Status.SucceededCount != 2 || x.Status.CompletionTime == "" {
		t.Errorf("the execution ended with %s, %d tasks at %q; want True, 2", got, x.Status.SucceededCount, x.Status.CompletionTime)
	}
	if x.Spec.TaskCount != 2 || x.Spec.Template.Spec.TimeoutSeconds != 60 || x.Metadata.Labels["run.googleapis.com/servingState"] != "" {
		t.Errorf("the execution that has ended = %+v, labels %v", x.Spec, x.Metadata.Labels)
	}
	for _, task := range c.tasksOf(t, x) {
		status := task.Status
		if task.Metadata.Labels["run.googleapis.com/runningState"] != "Succeeded" || status.LastAttemptResult == nil || status.LastAttemptResult.Status == nil {
			t.Errorf("task %s = %+v, labels %v; want it succeeded", task.Metadata.Name, status, task.Metadata.Labels)
		}
	}
	for _, task := range []string{"0", "1"} {
		if got, err := os.ReadFile(filepath.Join(dir, task)); err != nil || string(got) != "1 9 x y\n" {
			t.Errorf("task %s printed %q, %v; want its overrides", task, got, err)
		}
	}
	c.deleteBoth(t, x)
}

// deleteBoth deletes an execution and then the job hello. Both are gone at once.
func (c *client) deleteBoth(t *testing.T, x *runv1.Execution) {
	t.Helper()
	name := "namespaces/demo/executions/" + x.Metadata.Name
	status, err := c.executions.Delete(name).Do()
	if err != nil || status.Status != "Success" || status.Details.Uid != x.Metadata.Uid {
		t.Errorf("executions.delete = %+v, %v", status, err)
	}
	_, err = c.executions.Get(name).Do()
	wantCode(t, "executions.get of a deleted one", err, runwith.NotFound, "Resource '"+x.Metadata.Name+"' of kind 'EXECUTION' in region 'us-east4' in project 'demo' does not exist.")
	_, err = c.tasks.Get("namespaces/demo/tasks/" + x.Metadata.Name + "-task0").Do()
	wantCode(t, "tasks.get of a deleted execution", err, runwith.NotFound, "-task0' of kind 'TASK'")
	if status, err = c.jobs.Delete("namespaces/demo/jobs/hello").PropagationPolicy("Foreground").Do(); err != nil || status.Status != "Success" || status.Details.Kind != "jobs" {
		t.Errorf("jobs.delete = %+v, %v", status, err)
	}
	_, err = c.jobs.Get("namespaces/demo/jobs/hello").Do()
	wantCode(t, "jobs.get of a deleted one", err, runwith.NotFound, "Resource 'hello' of kind 'JOB' in region 'us-east4' in project 'demo' does not exist.")
}

// tasksOf returns the tasks of an execution.
func (c *client) tasksOf(t *testing.T, x *runv1.Execution) []*runv1.Task {
	t.Helper()
	list, err := c.tasks.List("namespaces/demo").LabelSelector("run.googleapis.com/execution = " + x.Metadata.Name).Limit(100).Do()
	if err != nil {
		t.Fatalf("tasks.list = %v", err)
	}
	return list.Items
}

func TestFailedExecution(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := dial(t, s, "us-east4-run.googleapis.com")
	job := shell(hello, "exit 3")
	job.Spec.Template.Spec.Template.Spec.MaxRetries = 0
	job.Spec.Template.Spec.Template.Spec.ForceSendFields = []string{"MaxRetries"}
	c.create(t, job)
	x := c.finish(t, s, c.run(t, hello, nil))
	for kind, want := range map[string]string{"Completed": "False/NonZeroExitCode", "Started": "True/", "ResourcesAvailable": "True/"} {
		if got := conditionOf(x.Status.Conditions, kind); got != want {
			t.Errorf("condition %s = %s, want %s", kind, got, want)
		}
	}
	task := c.tasksOf(t, x)[0]
	if result := task.Status.LastAttemptResult; result.ExitCode != 3 || result.Status.Message == "" || task.Metadata.Labels["run.googleapis.com/runningState"] != "Failed" {
		t.Errorf("the task ended with %+v, labels %v; want exit code 3", result, task.Metadata.Labels)
	}
	_, err := c.executions.Cancel("namespaces/demo/executions/"+x.Metadata.Name, &runv1.CancelExecutionRequest{}).Do()
	wantCode(t, "executions.cancel of a failed one", err, runwith.FailedPrecondition, "execution namespaces/demo/executions/"+x.Metadata.Name+" in us-east4 has ended: it failed")
}

// gcloud recognizes a cancelled execution only by this reason, and one that never started
// by the condition Started.
func TestCancelledExecution(t *testing.T) {
	t.Parallel()
	s := openServer(t, engine.Config{MaxTasks: 1}, nil)
	c := dial(t, s, "us-east4-run.googleapis.com")
	dir := t.TempDir()
	pid := filepath.Join(dir, "pid")
	c.create(t, shell(hello, `echo $$ > `+pid+`.tmp; mv `+pid+`.tmp `+pid+`; exec sleep 600`))
	running, waiting := c.run(t, hello, nil), c.run(t, hello, nil)
	eventually.NoError(t, func() error {
		_, err := os.Stat(pid)
		return err
	})
	for _, test := range []struct {
		x                        *runv1.Execution
		completed, started, task string
	}{
		{waiting, "False/Cancelled", "False/", "Abandoned"},
		{running, "False/Cancelled", "True/", "Cancelled"},
	} {
		if _, err := c.executions.Cancel("namespaces/demo/executions/"+test.x.Metadata.Name, &runv1.CancelExecutionRequest{}).Do(); err != nil {
			t.Fatalf("executions.cancel = %v", err)
		}
		x := c.finish(t, s, test.x)
		completed, started := conditionOf(x.Status.Conditions, "Completed"), conditionOf(x.Status.Conditions, "Started")
		if completed != test.completed || started != test.started || x.Status.CancelledCount != 1 {
			t.Errorf("Completed, Started = %s, %s with %d cancelled; want %s, %s, 1", completed, started, x.Status.CancelledCount, test.completed, test.started)
		}
		if state := c.tasksOf(t, x)[0].Metadata.Labels["run.googleapis.com/runningState"]; state != test.task {
			t.Errorf("the task is %s, want %s", state, test.task)
		}
	}
}

func TestReplaceChecksResourceVersion(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := dial(t, s, "us-east4-run.googleapis.com")
	const name = "namespaces/demo/jobs/hello"
	_, err := c.jobs.ReplaceJob(name, shell(hello, "true")).Do()
	wantCode(t, "jobs.replaceJob of a missing one", err, runwith.NotFound, "'hello' of kind 'JOB'")
	first := c.create(t, shell(hello, "true"))
	_, err = c.jobs.Create("namespaces/demo", shell(hello, "true")).Do()
	wantCode(t, "jobs.create of one that is there", err, runwith.AlreadyExists, "Resource 'hello' already exists.")

	change := *first
	change.Metadata.Labels["x"] = "y"
	second, err := c.jobs.ReplaceJob(name, &change).Do()
	if err != nil {
		t.Fatal(err)
	}
	if second.Metadata.Generation != 2 {
		t.Errorf("generation after jobs.replaceJob = %d, want 2", second.Metadata.Generation)
	}
	if x := second.Metadata.Labels["x"]; x != "y" {
		t.Errorf("label x after jobs.replaceJob = %q, want y", x)
	}
	if second.Metadata.Uid != first.Metadata.Uid {
		t.Errorf("UID after jobs.replaceJob = %q, want that of the same job, %q", second.Metadata.Uid, first.Metadata.Uid)
	}
	_, err = c.jobs.ReplaceJob(name, &change).Do()
	wantCode(t, "jobs.replaceJob with a stale resourceVersion", err, runwith.Aborted, "metadata.resourceVersion: is ")
	change.Metadata.ResourceVersion = ""
	third, err := c.jobs.ReplaceJob(name, &change).Do()
	if err != nil || third.Metadata.Generation != 3 {
		t.Errorf("jobs.replaceJob without a resourceVersion = %+v, %v; want generation 3", third, err)
	}
	tried, err := c.jobs.ReplaceJob(name, &change).DryRun("all").Do()
	if err != nil || tried.Metadata.Generation != 4 {
		t.Errorf("jobs.replaceJob(dryRun=all) = %+v, %v", tried, err)
	}
	if now, err := c.jobs.Get(name).Do(); err != nil || now.Metadata.ResourceVersion != third.Metadata.ResourceVersion {
		t.Errorf("after a dry run the job = %+v, %v; want it unchanged", now.Metadata, err)
	}
	if _, err := c.jobs.Delete(name).DryRun("all").Do(); err != nil {
		t.Errorf("jobs.delete(dryRun=all) = %v", err)
	}
	if _, err := c.jobs.Get(name).Do(); err != nil {
		t.Errorf("jobs.get after a deletion that was only tried = %v", err)
	}
}

// v2 has no fields for some of v1's. It shows them as annotations and accepts them back, and
// v1 shows them unchanged.
func TestV2AcceptsAnnotationsOfV1(t *testing.T) {
	t.Parallel()
	for transport, dialV2 := range map[string]func(context.Context, string) (*run.JobsClient, error){"gRPC": dialGRPC, "REST": dialREST} {
		s := newServer(t)
		v2, err := dialV2(t.Context(), s.url)
		if err != nil {
			t.Fatal(err)
		}
		defer v2.Close()
		c := dial(t, s, "us-east4-run.googleapis.com")
		job := shell(hello, "true")
		job.Metadata.Annotations = map[string]string{
			"run.googleapis.com/client-name": "gcloud", "run.googleapis.com/client-version": "528.0.0", "run.googleapis.com/launch-stage": "BETA",
		}
		template := map[string]string{
			"run.googleapis.com/client-name": "gcloud", "run.googleapis.com/client-version": "528.0.0", "run.googleapis.com/execution-environment": "gen2",
		}
		job.Spec.Template.Metadata = &runv1.ObjectMeta{
			Labels:      map[string]string{"client.knative.dev/nonce": "fer_bib_nex", "cloud.googleapis.com/location": "elsewhere"},
			Annotations: template,
		}
		c.create(t, job)
		stored, err := v2.GetJob(t.Context(), &runpb.GetJobRequest{Name: parent + "/jobs/hello"})
		if err != nil {
			t.Fatal(err)
		}
		if stored.Client != "gcloud" || stored.ClientVersion != "528.0.0" || stored.LaunchStage.String() != "BETA" {
			t.Errorf("v2 shows client, version, stage = %q, %q, %v", stored.Client, stored.ClientVersion, stored.LaunchStage)
		}
		again := proto.CloneOf(stored)
		again.Template.TaskCount = 2
		if _, err := v2.UpdateJob(t.Context(), &runpb.UpdateJobRequest{Job: again}); err != nil {
			t.Fatalf("%s: UpdateJob() with what v1 has sent = %v", transport, err)
		}
		shown, err := c.jobs.Get("namespaces/demo/jobs/hello").Do()
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(template, shown.Spec.Template.Metadata.Annotations); diff != "" || shown.Spec.Template.Spec.TaskCount != 2 {
			t.Errorf("annotations of the template (-sent +got):\n%s", diff)
		}
		if diff := gocmp.Diff(map[string]string{"client.knative.dev/nonce": "fer_bib_nex"}, shown.Spec.Template.Metadata.Labels); diff != "" {
			t.Errorf("labels of the template (-sent +got):\n%s", diff)
		}
		x := c.run(t, hello, nil)
		if x.Metadata.Annotations["run.googleapis.com/client-name"] != "gcloud" || x.Metadata.Labels["client.knative.dev/nonce"] != "fer_bib_nex" {
			t.Errorf("the execution has annotations %v, labels %v; want the template's", x.Metadata.Annotations, x.Metadata.Labels)
		}
		c.finish(t, s, x)
	}
}

func dialGRPC(ctx context.Context, url string) (*run.JobsClient, error) {
	return run.NewJobsClient(ctx, option.WithEndpoint(strings.TrimPrefix(url, "http://")), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
}

func dialREST(ctx context.Context, url string) (*run.JobsClient, error) {
	return run.NewJobsRESTClient(ctx, option.WithEndpoint(url), option.WithoutAuthentication())
}

// With tokens, two jobs can have executions with the same ID. v1 finds the newest.
func TestExecutionsAreFoundByID(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := dial(t, s, "us-east4-run.googleapis.com")
	for _, id := range []string{"my-job", "my"} {
		job := shell(id, "true")
		job.Spec.StartExecutionToken = strings.TrimPrefix("my-job-token", id+"-")
		c.create(t, job)
		x := c.execution(t, "my-job-token")
		if got := x.Metadata.Labels["run.googleapis.com/job"]; got != id {
			t.Errorf("executions.get(my-job-token) is of %s, want %s, which is newer", got, id)
		}
		if task, err := c.tasks.Get("namespaces/demo/tasks/my-job-token-task0").Do(); err != nil || task.Metadata.Labels["run.googleapis.com/job"] != id {
			t.Errorf("tasks.get(my-job-token-task0) = %v, %v; want that of %s", task, err, id)
		}
	}
}

// namesOf returns the regions and names of objects, in order.
func namesOf[T any](items []T, meta func(T) *runv1.ObjectMeta) string {
	var names []string
	for _, item := range items {
		m := meta(item)
		names = append(names, cmp.Or(m.Labels["cloud.googleapis.com/location"], "nowhere")+"/"+m.Name)
	}
	return strings.Join(names, " ")
}
