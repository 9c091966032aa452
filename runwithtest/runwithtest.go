// Package runwithtest runs the Cloud Run Jobs API inside a Go test. You can test code
// that starts jobs with Google's own clients, unchanged, and without a project, a network
// or a container.
//
// [Start] opens an engine with its own folder and port, and ends it with the test.
// [Image] replaces an image by a Go function. Containers with a command run as processes
// of this machine, without isolation. [Fault] injects Cloud Run's typical faults.
//
//	s := runwithtest.Start(t, runwithtest.Image("gcr.io/p/report", func(ctx context.Context, task *runwithtest.Task) error {
//		fmt.Fprintln(task.Stdout, "for", task.Env["TENANT"])
//		return nil
//	}))
//	jobs, err := run.NewJobsClient(t.Context(), s.GRPC()...)
//
// docs/compatibility.md lists the differences from Cloud Run, and docs/faults.md the
// faults. The package needs Linux or macOS.
package runwithtest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/runwith/runwith/internal/engine/emulator"
	"github.com/runwith/runwith/internal/server"
)

// Server is a running engine. Its methods may be called concurrently.
type Server struct {
	// URL is the base URL for REST (v1, v2, Cloud Logging, the metadata server), such as
	// "http://127.0.0.1:41235". Addr is the address for gRPC: the URL without its scheme.
	URL, Addr string
	// Project and Region are set by the options; the defaults are "demo" and "us-east4".
	// The server also serves other projects and regions.
	Project, Region string

	client *http.Client
	tokens tokens // nil unless the API requires tokens
}

// Start starts an engine. When the test and its subtests have ended, the engine asks the
// running tasks to stop, kills them after the grace period, and stops. The test fails if
// functions have not returned by then or other tasks are left over. The engine logs to
// the test's output. A mistake in the options fails the test at once.
func Start(t testing.TB, options ...Option) *Server {
	t.Helper()
	c, err := newConfig(options)
	if err != nil {
		t.Fatalf("runwithtest.Start: %v", err)
	}
	s := &Server{Project: c.engine.Project, Region: c.engine.Region, client: &http.Client{Transport: &http.Transport{}}}
	c.engine.Dir = t.TempDir()
	c.engine.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	stop, err := s.serve(c)
	if err == nil && c.engine.RequireAuth {
		s.tokens, err = newTokens(s.Addr)
	}
	if err != nil {
		t.Fatalf("runwithtest.Start: %v", err)
	}
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		if err := stop(); err != nil {
			t.Errorf("runwithtest: stop the server: %v", err)
		}
	})
	return s
}

// serve serves until the caller calls stop.
func (s *Server) serve(c *config) (stop func() error, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s.Addr = listener.Addr().String()
	s.URL = "http://" + s.Addr
	c.engine.Addr = s.Addr
	open := func(ctx context.Context, _ string) (*server.Site, error) { return openSite(ctx, c, s.Parent()) }
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		at := server.Config{Listener: listener, Logger: c.engine.Logger}
		ended <- server.Serve(ctx, at, open, func(string) { close(ready) })
	}()
	stop = func() error {
		cancel()
		return <-ended
	}
	select {
	case <-ready:
		return stop, nil
	case err := <-ended:
		cancel()
		return nil, err
	}
}

// openSite opens the engine and creates its jobs.
func openSite(ctx context.Context, c *config, parent string) (*server.Site, error) {
	e, err := emulator.Open(ctx, c.engine)
	if err != nil {
		return nil, err
	}
	for _, req := range c.jobs {
		req.Parent = parent
		if _, err := e.Engine.CreateJob(ctx, req); err != nil {
			_ = e.Close() // no task has run
			return nil, fmt.Errorf("job %s: %w", req.JobId, err)
		}
	}
	return e.Site(), nil
}

// Parent returns the resource name that contains the jobs, such as
// "projects/demo/locations/us-east4".
func (s *Server) Parent() string {
	return "projects/" + s.Project + "/locations/" + s.Region
}

// GRPC returns options for Google's gRPC clients, such as those of
// cloud.google.com/go/run/apiv2 and cloud.google.com/go/logging/logadmin.
func (s *Server) GRPC() []option.ClientOption {
	options := []option.ClientOption{
		option.WithEndpoint(s.Addr),
		option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
	}
	if s.tokens != nil {
		options = append(options, option.WithGRPCDialOption(grpc.WithPerRPCCredentials(s.tokens)))
	}
	return options
}

// REST returns options for Google's REST clients, such as run.NewJobsRESTClient of
// cloud.google.com/go/run/apiv2, google.golang.org/api/run/v1 and run/v2.
func (s *Server) REST() []option.ClientOption {
	client := s.client
	if s.tokens != nil {
		client = &http.Client{Transport: sender{s.client.Transport, s.tokens}}
	}
	return []option.ClientOption{option.WithEndpoint(s.URL), option.WithHTTPClient(client)}
}

// Client returns an HTTP client for handwritten requests. It uses no proxy and sends no
// token.
func (s *Server) Client() *http.Client { return s.client }
