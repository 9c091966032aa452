package conformance

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/api"
	"github.com/runwith/runwith/internal/engine/conformance/discovery"
	"github.com/runwith/runwith/internal/engine/metadata"
	"github.com/runwith/runwith/internal/engine/runner/process"
	"github.com/runwith/runwith/internal/engine/tasklog"
)

const (
	project = "demo"
	region  = "us-east4"
	// elsewhere is another region.
	elsewhere = "europe-west9"
)

// server is an engine whose answers are watched.
type server struct {
	addr  string // HOST:PORT
	watch *discovery.Watch
}

func newServer(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	runner, err := process.Open(process.Config{Dir: filepath.Join(dir, "run"), Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	logs, err := tasklog.Open(filepath.Join(dir, "logs"), tasklog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(t.Context(), engine.Config{Dir: dir, Runner: runner, Logs: logs, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	api, err := api.New(api.Config{
		Engine: e, Logger: logger, Project: project, ProjectNumber: metadata.DefaultProjectNumber, Region: region,
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", api)
	authority, err := metadata.Open(metadata.Config{Project: project, Region: region})
	if err != nil {
		t.Fatal(err)
	}
	authority.Register(mux)
	s := &server{watch: discovery.NewWatch(t, mux)}
	h := httptest.NewUnstartedServer(s.watch)
	h.Config.Protocols = new(http.Protocols)
	h.Config.Protocols.SetHTTP1(true)
	h.Config.Protocols.SetUnencryptedHTTP2(true)
	h.Start()
	s.addr = h.Listener.Addr().String()
	t.Cleanup(func() {
		h.CloseClientConnections()
		h.Close()
		for _, close := range []func() error{e.Close, logs.Close, runner.Close} {
			if err := close(); err != nil {
				t.Error(err)
			}
		}
	})
	return s
}

// grpc is how a client reaches the server over gRPC.
func (s *server) grpc() []option.ClientOption {
	return []option.ClientOption{
		option.WithEndpoint(s.addr), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
	}
}

// rest is how a client reaches the server over HTTP.
func (s *server) rest() []option.ClientOption {
	return []option.ClientOption{option.WithEndpoint("http://" + s.addr), option.WithoutAuthentication()}
}

func (s *server) port(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// client reaches the server under every name, as a resolver does for *.localhost.
func (s *server) client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.addr)
		},
	}}
}
