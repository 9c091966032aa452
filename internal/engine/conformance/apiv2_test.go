package conformance

import (
	"context"
	"errors"
	"path"
	"strings"
	"testing"
	"time"

	run "cloud.google.com/go/run/apiv2"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/googleapis/gax-go/v2/apierror"
	"google.golang.org/api/iterator"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

func TestCloudClientOverGRPC(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	jobs, err := run.NewJobsClient(t.Context(), s.grpc()...)
	must(t, err)
	executions, err := run.NewExecutionsClient(t.Context(), s.grpc()...)
	must(t, err)
	tasks, err := run.NewTasksClient(t.Context(), s.grpc()...)
	must(t, err)
	runSuite(t, s, &apiv2{jobs, executions, tasks})
}

func TestCloudClientOverREST(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	jobs, err := run.NewJobsRESTClient(t.Context(), s.rest()...)
	must(t, err)
	executions, err := run.NewExecutionsRESTClient(t.Context(), s.rest()...)
	must(t, err)
	tasks, err := run.NewTasksRESTClient(t.Context(), s.rest()...)
	must(t, err)
	runSuite(t, s, &apiv2{jobs, executions, tasks})
	s.wantChecked(t, v2Methods)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// apiv2 is the client cloud.google.com/go/run/apiv2.
type apiv2 struct {
	jobsClient       *run.JobsClient
	executionsClient *run.ExecutionsClient
	tasksClient      *run.TasksClient
}

func (at place) parent() string { return "projects/" + project + "/locations/" + at.region }
func (at place) name() string   { return at.parent() + "/jobs/" + at.job }

func (at place) executionName(id string) string { return at.name() + "/executions/" + id }

// proto returns the job as a v2 message.
func (s jobSpec) proto() *runpb.Job {
	template := &runpb.TaskTemplate{
		Retries: &runpb.TaskTemplate_MaxRetries{MaxRetries: s.retries},
		Containers: []*runpb.Container{{
			Image: "any", Command: []string{"sh", "-c", s.script, "sh"}, Args: s.args,
		}},
	}
	if s.timeout > 0 {
		template.Timeout = durationpb.New(s.timeout)
	}
	return &runpb.Job{Template: &runpb.ExecutionTemplate{TaskCount: s.tasks, Template: template}}
}

// proto returns the overrides as a v2 message.
func (o *overrides) proto() *runpb.RunJobRequest_Overrides {
	if o == nil {
		return nil
	}
	container := &runpb.RunJobRequest_Overrides_ContainerOverride{Args: o.args}
	for name, value := range o.env {
		container.Env = append(container.Env, &runpb.EnvVar{Name: name, Values: &runpb.EnvVar_Value{Value: value}})
	}
	all := &runpb.RunJobRequest_Overrides{
		ContainerOverrides: []*runpb.RunJobRequest_Overrides_ContainerOverride{container}, TaskCount: o.tasks,
	}
	if o.timeout > 0 {
		all.Timeout = durationpb.New(o.timeout)
	}
	return all
}

// outcomeOf returns the outcome of a v2 execution.
func outcomeOf(x *runpb.Execution) outcome {
	o := outcome{
		Ended: x.CompletionTime != nil, State: "Unknown",
		Succeeded: x.SucceededCount, Failed: x.FailedCount, Cancelled: x.CancelledCount, Retried: x.RetriedCount,
	}
	for _, c := range x.Conditions {
		if c.Type != "Completed" {
			continue
		}
		switch c.State {
		case runpb.Condition_CONDITION_SUCCEEDED:
			o.State = "True"
		case runpb.Condition_CONDITION_FAILED:
			o.State = "False"
		}
		switch c.GetExecutionReason() {
		case runpb.Condition_NON_ZERO_EXIT_CODE:
			o.Reason = "NonZeroExitCode"
		case runpb.Condition_CANCELLED:
			o.Reason = "Cancelled"
		}
	}
	return o
}

// endOf returns how a v2 task ended.
func endOf(task *runpb.Task) taskEnd {
	result := task.GetLastAttemptResult()
	return taskEnd{task.Index, task.Retried, result.GetExitCode(), result.GetStatus().GetMessage()}
}

func (c *apiv2) create(ctx context.Context, at place, s jobSpec) error {
	op, err := c.jobsClient.CreateJob(ctx, &runpb.CreateJobRequest{Parent: at.parent(), JobId: at.job, Job: s.proto()})
	if err != nil {
		return err
	}
	_, err = op.Wait(ctx)
	return err
}

func (c *apiv2) args(ctx context.Context, at place) ([]string, error) {
	job, err := c.jobsClient.GetJob(ctx, &runpb.GetJobRequest{Name: at.name()})
	if err != nil {
		return nil, err
	}
	return job.Template.Template.Containers[0].Args, nil
}

func (c *apiv2) latest(ctx context.Context, at place) (string, bool, error) {
	job, err := c.jobsClient.GetJob(ctx, &runpb.GetJobRequest{Name: at.name()})
	return lastPart(job.GetLatestCreatedExecution().GetName()), job.GetLatestCreatedExecution() != nil, err
}

func (c *apiv2) parallelism(ctx context.Context, at place, id string) (int32, error) {
	x, err := c.executionsClient.GetExecution(ctx, &runpb.GetExecutionRequest{Name: at.executionName(id)})
	return x.GetParallelism(), err
}

// lastPart returns the last part of a resource name.
func lastPart(name string) string { return name[strings.LastIndex(name, "/")+1:] }

// names collects the last parts of the names from an iterator.
func names[T interface{ GetName() string }](next func() (T, error)) (ids []string, err error) {
	for {
		one, err := next()
		if errors.Is(err, iterator.Done) {
			return ids, nil
		}
		if err != nil {
			return nil, err
		}
		ids = append(ids, path.Base(one.GetName()))
	}
}

func (c *apiv2) jobs(ctx context.Context, region string) ([]string, error) {
	return names(c.jobsClient.ListJobs(ctx, &runpb.ListJobsRequest{Parent: place{region: region}.parent(), PageSize: 2}).Next)
}

func (c *apiv2) run(ctx context.Context, at place, o *overrides) (string, error) {
	op, err := c.jobsClient.RunJob(ctx, &runpb.RunJobRequest{Name: at.name(), Overrides: o.proto()})
	if err != nil {
		return "", err
	}
	x, err := op.Metadata()
	return path.Base(x.GetName()), err
}

func (c *apiv2) executions(ctx context.Context, at place) ([]string, error) {
	return names(c.executionsClient.ListExecutions(ctx, &runpb.ListExecutionsRequest{Parent: at.name()}).Next)
}

func (c *apiv2) execution(ctx context.Context, at place, id string) (outcome, error) {
	x, err := c.executionsClient.GetExecution(ctx, &runpb.GetExecutionRequest{Name: at.executionName(id)})
	if err != nil {
		return outcome{}, err
	}
	return outcomeOf(x), nil
}

func (c *apiv2) tasks(ctx context.Context, at place, id string) (ends []taskEnd, err error) {
	for it := c.tasksClient.ListTasks(ctx, &runpb.ListTasksRequest{Parent: at.executionName(id)}); ; {
		listed, err := it.Next()
		if errors.Is(err, iterator.Done) {
			return ends, nil
		}
		if err != nil {
			return nil, err
		}
		task, err := c.tasksClient.GetTask(ctx, &runpb.GetTaskRequest{Name: listed.Name})
		if err != nil {
			return nil, err
		}
		ends = append(ends, endOf(task))
	}
}

func (c *apiv2) cancel(ctx context.Context, at place, id string) error {
	op, err := c.executionsClient.CancelExecution(ctx, &runpb.CancelExecutionRequest{Name: at.executionName(id)})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, err = op.Wait(ctx)
	return err
}

func (c *apiv2) deleteExecution(ctx context.Context, at place, id string) error {
	_, err := c.executionsClient.DeleteExecution(ctx, &runpb.DeleteExecutionRequest{Name: at.executionName(id)})
	return err
}

func (c *apiv2) delete(ctx context.Context, at place) error {
	_, err := c.jobsClient.DeleteJob(ctx, &runpb.DeleteJobRequest{Name: at.name()})
	return err
}

// missing recognizes the client's errors. Over REST they have an HTTP status instead of a
// gRPC status.
func (c *apiv2) missing(err error) bool {
	if e, ok := apierror.FromError(err); ok && e.HTTPCode() > 0 {
		return e.HTTPCode() == 404
	}
	return status.Code(err) == codes.NotFound
}
