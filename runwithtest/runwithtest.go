// Package runwithtest runs the Cloud Run Jobs API inside a Go test, so that code that
// starts jobs can be tested with Google's own clients, unchanged, and without a
// project, a network or a container.
//
// [Start] opens an engine with a folder and a port of its own, and ends it with the
// test. [Image] lets a Go function stand in for an image; what names a command runs as
// a process of this machine, without isolation. [Fault] lets calls and executions go
// wrong as they do on Cloud Run on a bad day.
//
//	s := runwithtest.Start(t, runwithtest.Image("gcr.io/p/report", func(ctx context.Context, task *runwithtest.Task) error {
//		fmt.Fprintln(task.Stdout, "for", task.Env["TENANT"])
//		return nil
//	}))
//	jobs, err := run.NewJobsClient(t.Context(), s.GRPC()...)
//
// How the engine differs from Cloud Run stands in docs/compatibility.md, and more of
// the faults in docs/faults.md. It needs Linux or macOS.
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

// Server is an engine that serves. It may be used concurrently.
type Server struct {
	// URL is where REST is served (v1, v2, Cloud Logging, the metadata server), such as
	// "http://127.0.0.1:41235", and Addr where gRPC is: the same without the scheme.
	URL, Addr string
	// Project and Region are those of the options, "demo" and "us-east4" without. Names
	// in others are served as well.
	Project, Region string

	client *http.Client
	tokens tokens // nil: nobody is asked for one
}

// Start starts an engine, which is stopped when the test and its subtests end: tasks
// that run then are asked to end, as by a cancel, and killed after the grace. Functions
// that have not returned by then, and whatever else is left over, fail the test. Its log
// goes to the test's output.
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

// serve serves until the function that it returns is called.
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

// openSite opens the engine, with its jobs.
func openSite(ctx context.Context, c *config, parent string) (*server.Site, error) {
	e, err := emulator.Open(ctx, c.engine)
	if err != nil {
		return nil, err
	}
	for _, req := range c.jobs {
		req.Parent = parent
		if _, err := e.Engine.CreateJob(ctx, req); err != nil {
			_ = e.Close() // it has run nothing
			return nil, fmt.Errorf("job %s: %w", req.JobId, err)
		}
	}
	return e.Site(), nil
}

// Parent is the resource name under which jobs are:
// "projects/demo/locations/us-east4".
func (s *Server) Parent() string {
	return "projects/" + s.Project + "/locations/" + s.Region
}

// GRPC are options for Google's clients that speak gRPC, such as those of
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

// REST are options for Google's clients that speak REST, such as
// run.NewJobsRESTClient of cloud.google.com/go/run/apiv2, and google.golang.org/api/run/v1
// and run/v2.
func (s *Server) REST() []option.ClientOption {
	client := s.client
	if s.tokens != nil {
		client = &http.Client{Transport: sender{s.client.Transport, s.tokens}}
	}
	return []option.ClientOption{option.WithEndpoint(s.URL), option.WithHTTPClient(client)}
}

// Client is an HTTP client, for requests written by hand. It uses no proxy and sends no
// token.
func (s *Server) Client() *http.Client { return s.client }
