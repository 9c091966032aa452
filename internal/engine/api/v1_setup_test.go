package api_test

import (
	"net/http"
	"testing"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/option"
	runv1 "google.golang.org/api/run/v1"
)

const (
	v1Root = "/apis/run.googleapis.com/v1/"
	// v1Namespace is how v1 calls the project demo in its answers.
	v1Namespace = "namespaces/123456789012"
)

// toHost sends requests as if the server had another name.
type toHost struct{ host string }

func (h toHost) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = h.host
	return http.DefaultTransport.RoundTrip(r)
}

// v1Client is the official client of v1, which calls a server by a region's host, or
// by the global one.
type v1Client struct {
	jobs       *runv1.NamespacesJobsService
	executions *runv1.NamespacesExecutionsService
	tasks      *runv1.NamespacesTasksService
}

func dialV1(t *testing.T, s *server, host string) *v1Client {
	t.Helper()
	service, err := runv1.NewService(t.Context(),
		option.WithEndpoint(s.url), option.WithHTTPClient(&http.Client{Transport: toHost{host}}))
	if err != nil {
		t.Fatal(err)
	}
	return &v1Client{service.Namespaces.Jobs, service.Namespaces.Executions, service.Namespaces.Tasks}
}

// v1Shell is a job that runs a shell script, whose arguments are $1 and so on.
func v1Shell(name, script string) *runv1.Job {
	return &runv1.Job{
		ApiVersion: "run.googleapis.com/v1",
		Kind:       "Job",
		Metadata:   &runv1.ObjectMeta{Name: name, Namespace: "demo"},
		Spec: &runv1.JobSpec{Template: &runv1.ExecutionTemplateSpec{Spec: &runv1.ExecutionSpec{Template: &runv1.TaskTemplateSpec{Spec: &runv1.TaskSpec{
			Containers: []*runv1.Container{{Name: "main", Image: "shell", Command: []string{"sh", "-c", script, "sh"}}},
		}}}}},
	}
}

func (c *v1Client) create(t *testing.T, job *runv1.Job) *runv1.Job {
	t.Helper()
	created, err := c.jobs.Create("namespaces/demo", job).Context(t.Context()).Do()
	if err != nil {
		t.Fatalf("jobs.create(%s) = %v", job.Metadata.Name, err)
	}
	return created
}

// run starts a job and returns the execution that answers.
func (c *v1Client) run(t *testing.T, job string, o *runv1.Overrides) *runv1.Execution {
	t.Helper()
	x, err := c.jobs.Run("namespaces/demo/jobs/"+job, &runv1.RunJobRequest{Overrides: o}).Context(t.Context()).Do()
	if err != nil {
		t.Fatalf("jobs.run(%s) = %v", job, err)
	}
	return x
}

func (c *v1Client) execution(t *testing.T, name string) *runv1.Execution {
	t.Helper()
	x, err := c.executions.Get("namespaces/demo/executions/" + name).Context(t.Context()).Do()
	if err != nil {
		t.Fatalf("executions.get(%s) = %v", name, err)
	}
	return x
}

// finish returns an execution when it has ended.
func (c *v1Client) finish(t *testing.T, s *server, x *runv1.Execution) *runv1.Execution {
	t.Helper()
	s.await(t, x)
	return c.execution(t, x.Metadata.Name)
}

// conditionOf returns a condition of a list as STATUS/REASON.
func conditionOf(conditions []*runv1.GoogleCloudRunV1Condition, kind string) string {
	for _, c := range conditions {
		if c.Type == kind {
			return c.Status + "/" + c.Reason
		}
	}
	return "missing"
}

// await returns when an execution has ended.
func (s *server) await(t *testing.T, x *runv1.Execution) {
	t.Helper()
	region := x.Metadata.Labels["cloud.googleapis.com/location"]
	ops, err := s.engine.Operations(t.Context(), &longrunningpb.ListOperationsRequest{Name: "projects/demo/locations/" + region})
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range ops.Operations {
		var of runpb.Execution
		if op.Metadata.UnmarshalTo(&of) != nil || of.Uid != x.Metadata.Uid {
			continue
		}
		if op, err = s.engine.WaitOperation(t.Context(), &longrunningpb.WaitOperationRequest{Name: op.Name}); err != nil || !op.Done {
			t.Fatalf("WaitOperation(%s) = %v, %v", op.GetName(), op, err)
		}
		return
	}
	t.Fatalf("no operation is about execution %s", x.Metadata.Name)
}
