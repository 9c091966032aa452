package api_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/engine/api"
	httpserver "github.com/runwith/runwith/internal/server"
)

// split serves an engine as the binary does: gRPC and HTTP/1 on one port, with one
// guard and a server each.
func split(t *testing.T, s *server) (addr string, stop func()) {
	t.Helper()
	return splitOf(t, api.Config{Engine: s.engine})
}

// splitOf is split with a configuration.
func splitOf(t *testing.T, c api.Config) (addr string, stop func()) {
	t.Helper()
	api, err := api.New(c)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		site := &httpserver.Site{
			Routes: []httpserver.Route{{Pattern: "/", Handler: api, WriteError: apierror.WriteGoogle}},
			GRPC:   api, Close: func() error { return nil },
		}
		open := func(context.Context, string) (*httpserver.Site, error) { return site, nil }
		at := httpserver.Config{Listener: l, Logger: slog.New(slog.DiscardHandler)}
		ended <- httpserver.Serve(ctx, at, open, func(string) { close(ready) })
	}()
	<-ready
	return l.Addr().String(), func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve() = %v", err)
		}
	}
}

func connect(t *testing.T, addr string, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestGuardProtectsGRPC(t *testing.T) {
	t.Parallel()
	addr, stop := split(t, newServer(t))
	defer stop()
	list := &runpb.ListJobsRequest{Parent: parent}
	for _, test := range []struct {
		name      string
		authority string
		header    metadata.MD
		want      codes.Code
	}{
		{"an ordinary client", "", nil, codes.OK},
		{"an emulated host", "us-east4-run.googleapis.com", nil, codes.OK},
		{"a name that is not this machine's", "rebound.example", nil, codes.PermissionDenied},
		{"a page of another origin", "", metadata.Pairs("origin", "http://evil.example"), codes.PermissionDenied},
		{"a second origin behind a good one", "", metadata.Pairs("origin", "http://"+addr, "origin", "http://evil.example"), codes.PermissionDenied},
		{"what a browser says of another site", "", metadata.Pairs("sec-fetch-site", "cross-site"), codes.PermissionDenied},
		{"the page's own origin", "", metadata.Pairs("origin", "http://"+addr), codes.OK},
	} {
		var opts []grpc.DialOption
		if test.authority != "" {
			opts = append(opts, grpc.WithAuthority(test.authority))
		}
		ctx := metadata.NewOutgoingContext(t.Context(), test.header)
		_, err := runpb.NewJobsClient(connect(t, addr, opts...)).ListJobs(ctx, list)
		if got := status.Code(err); got != test.want {
			t.Errorf("%s: ListJobs() = %v, want %v", test.name, err, test.want)
		}
	}
	res, err := http.Get("http://" + addr + "/v2/" + parent + "/jobs")
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("REST on the same port = %v, %v, want 200", res, err)
	}
	_ = res.Body.Close()
}

// sent is closed when the request of a WaitOperation has left.
type sent chan struct{}

// waiting is the key of a WaitOperation's context.
type waiting struct{}

func (sent) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, waiting{}, strings.HasSuffix(info.FullMethodName, "/WaitOperation"))
}
func (sent) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (sent) HandleConn(context.Context, stats.ConnStats)                       {}
func (s sent) HandleRPC(ctx context.Context, event stats.RPCStats) {
	if _, ok := event.(*stats.OutPayload); ok && ctx.Value(waiting{}) == true {
		close(s)
	}
}

// A server that stops tells its waiting callers why, and does not break their
// connections after the shutdown timeout.
func TestStopEndsWaitingCalls(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	addr, stop := split(t, s)
	c := dialGRPC(t, s)
	c.create(t, shell("sleep 1000"))
	run, err := c.jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: hello})
	if err != nil {
		t.Fatal(err)
	}
	left, answered := make(sent), make(chan struct{})
	conn := connect(t, addr, grpc.WithStatsHandler(left))
	// The first request decides which server has the connection. A stop may come before.
	if _, err := longrunningpb.NewOperationsClient(conn).GetOperation(t.Context(), &longrunningpb.GetOperationRequest{Name: run.Name()}); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(answered)
		op, err := longrunningpb.NewOperationsClient(conn).WaitOperation(t.Context(), &longrunningpb.WaitOperationRequest{Name: run.Name()})
		if err == nil && op.Done {
			t.Errorf("WaitOperation() = %v, want it open: the run goes on", op)
		}
		if err != nil && !strings.Contains(err.Error(), "the server is stopping") {
			t.Errorf("WaitOperation() = %v, want it to say that the server is stopping", err)
		}
	}()
	<-left
	stop()
	<-answered
}
