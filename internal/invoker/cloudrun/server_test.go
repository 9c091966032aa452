package cloudrun

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

// server is a Cloud Run that answers as a test wants. It stands in for the
// engine, which this side of the API may not import: the two meet over the wire,
// in the tests of the whole.
type server struct {
	runpb.UnimplementedJobsServer
	runpb.UnimplementedExecutionsServer
	runpb.UnimplementedTasksServer
	longrunningpb.UnimplementedOperationsServer

	run   func(context.Context, *runpb.RunJobRequest) (*runpb.Execution, error)
	job   *runpb.Job
	list  []*runpb.Job
	execs []*runpb.Execution

	// executions and tasks answer requests for a page instead of the default.
	executions func(*runpb.ListExecutionsRequest) *runpb.ListExecutionsResponse
	tasks      func(*runpb.ListTasksRequest) *runpb.ListTasksResponse

	ops map[string]*longrunningpb.Operation

	runs atomic.Int32 // calls of RunJob that arrived
	mu   sync.Mutex
	meta metadata.MD // of the last call
	grpc *grpc.Server
}

func (s *server) RunJob(ctx context.Context, r *runpb.RunJobRequest) (*longrunningpb.Operation, error) {
	s.runs.Add(1)
	s.keep(ctx)
	execution, err := s.run(ctx, r)
	if err != nil {
		return nil, err
	}
	packed, err := anypb.New(execution)
	return &longrunningpb.Operation{Name: "projects/demo/locations/us-east4/operations/1", Metadata: packed}, err
}

func (s *server) WaitOperation(_ context.Context, r *longrunningpb.WaitOperationRequest) (*longrunningpb.Operation, error) {
	op, found := s.ops[r.GetName()]
	if !found {
		return nil, status.Errorf(codes.NotFound, "no operation %s", r.GetName())
	}
	return op, nil
}

func (s *server) GetJob(ctx context.Context, r *runpb.GetJobRequest) (*runpb.Job, error) {
	s.keep(ctx)
	if s.job.GetName() != r.GetName() {
		return s.UnimplementedJobsServer.GetJob(ctx, r)
	}
	return s.job, nil
}

// ListJobs gives one job a page.
func (s *server) ListJobs(_ context.Context, r *runpb.ListJobsRequest) (*runpb.ListJobsResponse, error) {
	at := len(r.GetPageToken())
	answer := &runpb.ListJobsResponse{Jobs: s.list[at : at+1]}
	if at+1 < len(s.list) {
		answer.NextPageToken = r.GetPageToken() + "x"
	}
	return answer, nil
}

func (s *server) GetExecution(context.Context, *runpb.GetExecutionRequest) (*runpb.Execution, error) {
	return s.execs[0], nil
}

func (s *server) ListTasks(_ context.Context, r *runpb.ListTasksRequest) (*runpb.ListTasksResponse, error) {
	return s.tasks(r), nil
}

func (s *server) ListExecutions(_ context.Context, r *runpb.ListExecutionsRequest) (*runpb.ListExecutionsResponse, error) {
	if s.executions != nil {
		return s.executions(r), nil
	}
	return &runpb.ListExecutionsResponse{Executions: s.execs}, nil
}

func (s *server) keep(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.meta, _ = metadata.FromIncomingContext(ctx)
}

func (s *server) metadata() metadata.MD {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.meta
}

// start serves s and returns a client of it.
func (s *server) start(t *testing.T) *Client {
	t.Helper()
	s.grpc = grpc.NewServer()
	runpb.RegisterJobsServer(s.grpc, s)
	runpb.RegisterExecutionsServer(s.grpc, s)
	runpb.RegisterTasksServer(s.grpc, s)
	longrunningpb.RegisterOperationsServer(s.grpc, s)
	listener := listen(t)
	go s.grpc.Serve(listener) // ends with Stop
	t.Cleanup(s.grpc.Stop)
	return dial(t, Config{Endpoint: "http://" + listener.Addr().String()})
}

// startLogs serves Cloud Logging by handler and returns a client of it.
func startLogs(t *testing.T, config Config, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	config.Endpoint = server.URL
	return dial(t, config)
}

func dial(t *testing.T, config Config) *Client {
	t.Helper()
	config.Project, config.Region = "demo", "us-east4"
	c, err := Dial(t.Context(), config)
	if err != nil {
		t.Fatalf("Dial(%q) = %v", config.Endpoint, err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return c
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// resetting is a server that resets every stream with the same code, which no
// gRPC server can be made to do. It counts the streams.
func resetting(t *testing.T, code http2.ErrCode) (endpoint string, streams *atomic.Int32) {
	t.Helper()
	listener, streams := listen(t), &atomic.Int32{}
	var conns sync.WaitGroup
	t.Cleanup(conns.Wait)
	t.Cleanup(func() { _ = listener.Close() })
	conns.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { resetStreams(conn, code, streams) })
		}
	})
	return "http://" + listener.Addr().String(), streams
}

// resetStreams serves one connection until its client closes it.
func resetStreams(conn net.Conn, code http2.ErrCode, streams *atomic.Int32) {
	defer conn.Close()
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := conn.Read(preface); err != nil {
		return
	}
	framer := http2.NewFramer(conn, conn)
	_ = framer.WriteSettings()
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = framer.WriteSettingsAck()
			}
		case *http2.HeadersFrame:
			streams.Add(1)
			_ = framer.WriteRSTStream(f.StreamID, code)
		}
	}
}
