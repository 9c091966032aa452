package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"

	run "cloud.google.com/go/run/apiv2"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/api"
	"github.com/runwith/runwith/internal/engine/enginetest"
	"github.com/runwith/runwith/internal/engine/fault"
	"github.com/runwith/runwith/internal/testneed"
)

// TestMain runs more tests at a time, because Google's clients wait up to a second before they ask
// an operation again.
func TestMain(m *testing.M) {
	testneed.Parallel(8)
	os.Exit(m.Run())
}

const (
	parent  = "projects/demo/locations/us-east4"
	helloID = "hello"
	hello   = parent + "/jobs/" + helloID
)

// server is a real engine with real processes, behind the real handler.
type server struct {
	dir    string // its data folder
	url    string // http://HOST:PORT
	addr   string // HOST:PORT
	engine *engine.Engine
	close  func() // may be called before the test's end, and again then
}

func newServer(t *testing.T) *server {
	t.Helper()
	return openServer(t, t.TempDir(), engine.Config{})
}

// openServer opens a server on a data folder, with the engine's configuration c.
func openServer(t *testing.T, dir string, c engine.Config) *server {
	t.Helper()
	return openFaulty(t, dir, c, nil)
}

// openFaulty is openServer with faults of calls.
func openFaulty(t *testing.T, dir string, c engine.Config, plan *fault.Plan) *server {
	t.Helper()
	c.Dir = dir
	e := enginetest.Open(t, enginetest.Config{Config: c, Images: map[string][]string{"mapped": {"echo", "from the image"}}})
	handler, err := api.New(api.Config{
		Engine: e.Engine, Faults: plan, Logger: enginetest.Logger(t), Project: "demo", ProjectNumber: "123456789012", Region: "us-east4",
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(handler)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	shut := sync.OnceFunc(func() {
		s.CloseClientConnections()
		s.Close()
		e.Close()
	})
	t.Cleanup(shut)
	return &server{dir: dir, url: s.URL, addr: s.Listener.Addr().String(), engine: e.Engine, close: shut}
}

// client is the official Go client over one of its transports.
type client struct {
	jobs       *run.JobsClient
	executions *run.ExecutionsClient
	tasks      *run.TasksClient
}

// everyClient runs a test with the official client over gRPC and over REST, each with its
// own server.
func everyClient(t *testing.T, test func(t *testing.T, s *server, c *client)) {
	t.Helper()
	everyClientOf(t, engine.Config{}, test)
}

// everyClientOf is everyClient with the engine's configuration c.
func everyClientOf(t *testing.T, c engine.Config, test func(t *testing.T, s *server, c *client)) {
	t.Helper()
	for name, dial := range dials {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openServer(t, t.TempDir(), c)
			test(t, s, dial(t, s))
		})
	}
}

var dials = map[string]func(*testing.T, *server) *client{"gRPC": dialGRPC, "REST": dialREST}

func dialGRPC(t *testing.T, s *server) *client {
	t.Helper()
	opts := []option.ClientOption{
		option.WithEndpoint(s.addr), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
	}
	return newClient(t, opts, run.NewJobsClient, run.NewExecutionsClient, run.NewTasksClient)
}

func dialREST(t *testing.T, s *server) *client {
	t.Helper()
	opts := []option.ClientOption{option.WithEndpoint(s.url), option.WithoutAuthentication()}
	return newClient(t, opts, run.NewJobsRESTClient, run.NewExecutionsRESTClient, run.NewTasksRESTClient)
}

func newClient(t *testing.T, opts []option.ClientOption,
	newJobs func(context.Context, ...option.ClientOption) (*run.JobsClient, error),
	newExecutions func(context.Context, ...option.ClientOption) (*run.ExecutionsClient, error),
	newTasks func(context.Context, ...option.ClientOption) (*run.TasksClient, error),
) *client {
	t.Helper()
	jobs, err := newJobs(t.Context(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	executions, err := newExecutions(t.Context(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := newTasks(t.Context(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = jobs.Close()
		_ = executions.Close()
		_ = tasks.Close()
	})
	return &client{jobs, executions, tasks}
}

// shell returns a job that runs a shell script. Its arguments are $1 and so on.
func shell(script string) *runpb.Job {
	return &runpb.Job{Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{
		Retries:    &runpb.TaskTemplate_MaxRetries{MaxRetries: 0},
		Containers: []*runpb.Container{{Image: "shell", Command: []string{"sh", "-c", script, "sh"}}},
	}}}
}

// create creates a job named hello.
func (c *client) create(t *testing.T, job *runpb.Job) *runpb.Job {
	t.Helper()
	op, err := c.jobs.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: helloID, Job: job})
	if err != nil {
		t.Fatalf("CreateJob() = %v", err)
	}
	created, err := op.Wait(t.Context())
	if err != nil {
		t.Fatalf("CreateJob().Wait() = %v", err)
	}
	return created
}

// run runs hello to its end and returns the execution, even if it failed.
func (c *client) run(t *testing.T, o *runpb.RunJobRequest_Overrides) *runpb.Execution {
	t.Helper()
	op, err := c.jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: hello, Overrides: o})
	if err != nil {
		t.Fatalf("RunJob() = %v", err)
	}
	_, _ = op.Wait(t.Context()) // a failed run's operation ends with an error
	meta, err := op.Metadata()
	if err != nil {
		t.Fatalf("RunJob().Metadata() = %v", err)
	}
	x, err := c.executions.GetExecution(t.Context(), &runpb.GetExecutionRequest{Name: meta.Name})
	if err != nil {
		t.Fatalf("GetExecution(%q) = %v", meta.Name, err)
	}
	return x
}

// output returns the standard output of an execution's tasks.
func (s *server) output(t *testing.T, x *runpb.Execution) []string {
	t.Helper()
	var lines []string
	for _, entry := range s.entries(t, x) {
		lines = append(lines, entry.GetTextPayload())
	}
	return lines
}
