package api

import (
	"context"
	"net"
	"net/http"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/principal"
)

// Methods see the principal that the server gave to their call, and the server sees the
// call's host.
func TestCallsHaveThePrincipal(t *testing.T) {
	t.Parallel()
	host := ""
	g := &gate{admit: func(r *http.Request) (context.Context, *runwith.Error) {
		host = r.Host
		return principal.With(r.Context(), principal.LocalUser), nil
	}}
	var got principal.Principal
	server := grpc.NewServer(grpc.InTapHandle(g.check), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		got = principal.From(stream.Context())
		return stream.SendMsg(&emptypb.Empty{})
	}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("run.localhost"))
	if err != nil {
		t.Fatal(err)
	}
	err = conn.Invoke(t.Context(), "/test.Service/Method", &emptypb.Empty{}, &emptypb.Empty{})
	_ = conn.Close()
	server.GracefulStop()
	if err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if got != principal.LocalUser || host != "run.localhost" {
		t.Errorf("principal = %v at host %q, want %v at run.localhost", got, host, principal.LocalUser)
	}
}
