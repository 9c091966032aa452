package conformance

import (
	"context"
	"testing"
	"time"

	"google.golang.org/api/option"
	runv1 "google.golang.org/api/run/v1"
)

// v1Methods are the methods of the discovery document that the suite calls.
var v1Methods = []string{
	"run.namespaces.executions.cancel",
	"run.namespaces.executions.delete",
	"run.namespaces.executions.get",
	"run.namespaces.executions.list",
	"run.namespaces.jobs.create",
	"run.namespaces.jobs.delete",
	"run.namespaces.jobs.get",
	"run.namespaces.jobs.list",
	"run.namespaces.jobs.run",
	"run.namespaces.tasks.get",
	"run.namespaces.tasks.list",
}

func TestDiscoveryClientOfV1(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := discovered1{}
	for _, r := range []string{region, elsewhere} {
		// The region is in the host's name, as at Google.
		endpoint := "http://" + r + "-run.localhost:" + s.port(t)
		service, err := runv1.NewService(t.Context(), option.WithEndpoint(endpoint), option.WithHTTPClient(s.client()))
		must(t, err)
		c[r] = service.Namespaces
	}
	runSuite(t, s, c)
	s.wantChecked(t, v1Methods)
}

// discovered1 has the clients of google.golang.org/api/run/v1 by region.
type discovered1 map[string]*runv1.NamespacesService

const namespace = "namespaces/" + project

func (at place) v1Name() string { return namespace + "/jobs/" + at.job }

// knative returns the job as a v1 object.
func (s jobSpec) knative(name string) *runv1.Job {
	task := &runv1.TaskSpec{
		MaxRetries:      int64(s.retries),
		ForceSendFields: []string{"MaxRetries"}, // the client omits zeros
		TimeoutSeconds:  int64(s.timeout / time.Second),
		Containers:      []*runv1.Container{{Image: "any", Command: []string{"sh", "-c", s.script, "sh"}, Args: s.args}},
	}
	return &runv1.Job{
		ApiVersion: "run.googleapis.com/v1", Kind: "Job",
		Metadata: &runv1.ObjectMeta{Name: name, Namespace: project},
		Spec: &runv1.JobSpec{Template: &runv1.ExecutionTemplateSpec{
			Spec: &runv1.ExecutionSpec{TaskCount: int64(s.tasks), Template: &runv1.TaskTemplateSpec{Spec: task}},
		}},
	}
}

func (c discovered1) create(ctx context.Context, at place, s jobSpec) error {
	_, err := c[at.region].Jobs.Create(namespace, s.knative(at.job)).Context(ctx).Do()
	return err
}

func (c discovered1) args(ctx context.Context, at place) ([]string, error) {
	job, err := c[at.region].Jobs.Get(at.v1Name()).Context(ctx).Do()
	if err != nil {
		return nil, err
	}
	return job.Spec.Template.Spec.Template.Spec.Containers[0].Args, nil
}

// latest is always set, because v1 leaves out the reference of a job that never ran.
func (c discovered1) latest(ctx context.Context, at place) (string, bool, error) {
	job, err := c[at.region].Jobs.Get(at.v1Name()).Context(ctx).Do()
	if err != nil || job.Status.LatestCreatedExecution == nil {
		return "", true, err
	}
	return job.Status.LatestCreatedExecution.Name, true, nil
}

func (c discovered1) parallelism(ctx context.Context, at place, id string) (int32, error) {
	x, err := c[at.region].Executions.Get(namespace + "/executions/" + id).Context(ctx).Do()
	if err != nil {
		return 0, err
	}
	return int32(x.Spec.Parallelism), nil
}

func (c discovered1) jobs(ctx context.Context, region string) (ids []string, err error) {
	for next := ""; ; {
		page, err := c[region].Jobs.List(namespace).Limit(2).Continue(next).Context(ctx).Do()
		if err != nil {
			return nil, err
		}
		for _, job := range page.Items {
			ids = append(ids, job.Metadata.Name)
		}
		if next = page.Metadata.Continue; next == "" {
			return ids, nil
		}
	}
}

func (c discovered1) run(ctx context.Context, at place, o *overrides) (string, error) {
	request := &runv1.RunJobRequest{}
	if o != nil {
		container := &runv1.ContainerOverride{Args: o.args}
		for name, value := range o.env {
			container.Env = append(container.Env, &runv1.EnvVar{Name: name, Value: value})
		}
		request.Overrides = &runv1.Overrides{
			ContainerOverrides: []*runv1.ContainerOverride{container},
			TaskCount:          int64(o.tasks), TimeoutSeconds: int64(o.timeout / time.Second),
		}
	}
	x, err := c[at.region].Jobs.Run(at.v1Name(), request).Context(ctx).Do()
	if err != nil {
		return "", err
	}
	return x.Metadata.Name, nil
}

func (c discovered1) executions(ctx context.Context, at place) (ids []string, err error) {
	page, err := c[at.region].Executions.List(namespace).LabelSelector("run.googleapis.com/job = " + at.job).Context(ctx).Do()
	if err != nil {
		return nil, err
	}
	for _, x := range page.Items {
		ids = append(ids, x.Metadata.Name)
	}
	return ids, nil
}

func (c discovered1) execution(ctx context.Context, at place, id string) (outcome, error) {
	x, err := c[at.region].Executions.Get(namespace + "/executions/" + id).Context(ctx).Do()
	if err != nil {
		return outcome{}, err
	}
	o := outcome{
		Ended:     x.Status.CompletionTime != "",
		Succeeded: int32(x.Status.SucceededCount), Failed: int32(x.Status.FailedCount),
		Cancelled: int32(x.Status.CancelledCount), Retried: int32(x.Status.RetriedCount),
	}
	for _, condition := range x.Status.Conditions {
		if condition.Type == "Completed" {
			o.State, o.Reason = condition.Status, condition.Reason
		}
	}
	return o, nil
}

func (c discovered1) tasks(ctx context.Context, at place, id string) (ends []taskEnd, err error) {
	page, err := c[at.region].Tasks.List(namespace).LabelSelector("run.googleapis.com/execution = " + id).Context(ctx).Do()
	if err != nil {
		return nil, err
	}
	for _, listed := range page.Items {
		task, err := c[at.region].Tasks.Get(namespace + "/tasks/" + listed.Metadata.Name).Context(ctx).Do()
		if err != nil {
			return nil, err
		}
		end := taskEnd{Index: int32(task.Status.Index), Retried: int32(task.Status.Retried)}
		if last := task.Status.LastAttemptResult; last != nil {
			end.ExitCode = int32(last.ExitCode)
			if last.Status != nil {
				end.Message = last.Status.Message
			}
		}
		ends = append(ends, end)
	}
	return ends, nil
}

func (c discovered1) cancel(ctx context.Context, at place, id string) error {
	_, err := c[at.region].Executions.Cancel(namespace+"/executions/"+id, &runv1.CancelExecutionRequest{}).Context(ctx).Do()
	return err
}

func (c discovered1) deleteExecution(ctx context.Context, at place, id string) error {
	_, err := c[at.region].Executions.Delete(namespace + "/executions/" + id).Context(ctx).Do()
	return err
}

func (c discovered1) delete(ctx context.Context, at place) error {
	_, err := c[at.region].Jobs.Delete(at.v1Name()).Context(ctx).Do()
	return err
}

func (c discovered1) missing(err error) bool { return isHTTPNotFound(err) }
