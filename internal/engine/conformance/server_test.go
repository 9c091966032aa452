package conformance

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/runwith/runwith/internal/engine/api"
	"github.com/runwith/runwith/internal/engine/conformance/discovery"
	"github.com/runwith/runwith/internal/engine/enginetest"
	"github.com/runwith/runwith/internal/engine/metadata"
)

const (
	project = "demo"
	region  = "us-east4"
	// elsewhere is another region.
	elsewhere = "europe-west9"
)

// server is an engine whose answers are checked.
type server struct {
	addr  string // HOST:PORT
	watch *discovery.Watch
}

func newServer(t *testing.T) *server {
	t.Helper()
	e := enginetest.Open(t, enginetest.Config{})
	api, err := api.New(api.Config{
		Engine: e.Engine, Logger: enginetest.Logger(t), Project: project, ProjectNumber: metadata.DefaultProjectNumber, Region: region,
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
	})
	return s
}

// grpc returns the options for gRPC clients.
func (s *server) grpc() []option.ClientOption {
	return []option.ClientOption{
		option.WithEndpoint(s.addr), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
	}
}

// rest returns the options for REST clients.
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

// client returns an HTTP client that resolves every host name to the server, like a
// resolver does for *.localhost.
func (s *server) client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.addr)
		},
	}}
}
