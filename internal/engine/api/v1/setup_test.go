package v1_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	runv1 "google.golang.org/api/run/v1"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/api"
	"github.com/runwith/runwith/internal/engine/enginetest"
	"github.com/runwith/runwith/internal/engine/fault"
)

const (
	root   = "/apis/run.googleapis.com/v1/"
	hello  = "hello" // a job
	parent = "projects/demo/locations/us-east4"
	// namespace is v1's name of the project demo in answers.
	namespace = "namespaces/123456789012"
)

// server is a real engine with real processes, behind the whole API.
type server struct {
	url    string // http://HOST:PORT
	engine *engine.Engine
}

func newServer(t *testing.T) *server {
	t.Helper()
	return openServer(t, engine.Config{}, nil)
}

// openServer starts a server with the engine's configuration c and faults.
func openServer(t *testing.T, c engine.Config, faults *fault.Plan) *server {
	t.Helper()
	e := enginetest.Open(t, enginetest.Config{Config: c})
	handler, err := api.New(api.Config{
		Engine: e.Engine, Faults: faults, Logger: enginetest.Logger(t), Project: "demo", ProjectNumber: "123456789012", Region: "us-east4",
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(handler)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return &server{s.URL, e.Engine}
}

// wantCode requires an error of the official client with a code and words in its message.
func wantCode(t *testing.T, call string, err error, code runwith.Code, says string) {
	t.Helper()
	if codeOf(err) != code || err != nil && !strings.Contains(err.Error(), says) {
		t.Errorf("%s = %v, want %v that says %q", call, err, code, says)
	}
}

// codeOf returns the canonical code in the body of an error of the official client.
func codeOf(err error) runwith.Code {
	rest, ok := errors.AsType[*googleapi.Error](err)
	if !ok {
		return runwith.CodeOf(err)
	}
	var body struct{ Error struct{ Status string } }
	if json.Unmarshal([]byte(rest.Body), &body) != nil {
		return runwith.Unknown
	}
	code, _ := runwith.ParseCode(body.Error.Status)
	return code
}

// toHost sends requests as if the server had another name.
type toHost struct{ host string }

func (h toHost) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = h.host
	return http.DefaultTransport.RoundTrip(r)
}

// client is the official client of v1, which calls a server by the host of a region or by
// the global host.
type client struct {
	jobs       *runv1.NamespacesJobsService
	executions *runv1.NamespacesExecutionsService
	tasks      *runv1.NamespacesTasksService
}

func dial(t *testing.T, s *server, host string) *client {
	t.Helper()
	service, err := runv1.NewService(t.Context(),
		option.WithEndpoint(s.url), option.WithHTTPClient(&http.Client{Transport: toHost{host}}))
	if err != nil {
		t.Fatal(err)
	}
	return &client{service.Namespaces.Jobs, service.Namespaces.Executions, service.Namespaces.Tasks}
}

// shell returns a job that runs a shell script. Its arguments are $1 and so on.
func shell(name, script string) *runv1.Job {
	return &runv1.Job{
		ApiVersion: "run.googleapis.com/v1",
		Kind:       "Job",
		Metadata:   &runv1.ObjectMeta{Name: name, Namespace: "demo"},
		Spec: &runv1.JobSpec{Template: &runv1.ExecutionTemplateSpec{Spec: &runv1.ExecutionSpec{Template: &runv1.TaskTemplateSpec{Spec: &runv1.TaskSpec{
			Containers: []*runv1.Container{{Name: "main", Image: "shell", Command: []string{"sh", "-c", script, "sh"}}},
		}}}}},
	}
}

func (c *client) create(t *testing.T, job *runv1.Job) *runv1.Job {
	t.Helper()
	created, err := c.jobs.Create("namespaces/demo", job).Context(t.Context()).Do()
	if err != nil {
		t.Fatalf("jobs.create(%s) = %v", job.Metadata.Name, err)
	}
	return created
}

// run starts a job and returns the execution in the answer.
func (c *client) run(t *testing.T, job string, o *runv1.Overrides) *runv1.Execution {
	t.Helper()
	x, err := c.jobs.Run("namespaces/demo/jobs/"+job, &runv1.RunJobRequest{Overrides: o}).Context(t.Context()).Do()
	if err != nil {
		t.Fatalf("jobs.run(%s) = %v", job, err)
	}
	return x
}

func (c *client) execution(t *testing.T, name string) *runv1.Execution {
	t.Helper()
	x, err := c.executions.Get("namespaces/demo/executions/" + name).Context(t.Context()).Do()
	if err != nil {
		t.Fatalf("executions.get(%s) = %v", name, err)
	}
	return x
}

// finish waits for the end of an execution and returns it.
func (c *client) finish(t *testing.T, s *server, x *runv1.Execution) *runv1.Execution {
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

// await waits for the end of an execution.
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
