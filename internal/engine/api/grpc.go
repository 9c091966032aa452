package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // clients may compress messages
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/tap"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/guard"
	"github.com/runwith/runwith/internal/server"
)

// ServeGRPC serves gRPC on its own listener with gRPC's own transport, which is faster
// than net/http's. Each call must pass admit, which sees it as a request with its host
// and headers and returns the context of the call. When ctx is done, all calls end with
// its cause. ServeGRPC is called once and returns after StopGRPC.
//
// It refuses to serve a server with faults of calls: gRPC's own transport cannot lose an
// answer. Such a server is served as a handler.
func (s *Server) ServeGRPC(ctx context.Context, l net.Listener, admit server.Admit) error {
	if s.faults != nil {
		return errors.New("serve gRPC: a server with faults of calls must be served as a handler")
	}
	s.gate.base, s.gate.admit = ctx, admit
	if err := s.grpc.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve gRPC: %w", err)
	}
	return nil
}

// StopGRPC ends ServeGRPC. Calls may finish until ctx is done.
func (s *Server) StopGRPC(ctx context.Context) {
	stop := context.AfterFunc(ctx, s.grpc.Stop)
	defer stop()
	s.grpc.GracefulStop()
}

// gate admits the calls of ServeGRPC. Requests of ServeHTTP have been admitted by the
// handlers around it; of them, the gate only checks the token.
type gate struct {
	base         context.Context //nolint:containedctx // the life of the server, as http.Server's BaseContext
	admit        server.Admit
	authenticate func(http.Header) *runwith.Error // nil: nobody needs a token
}

// refusal returns why the token in a header is refused, or nil.
func (g *gate) refusal(h http.Header) *runwith.Error {
	if g.authenticate == nil {
		return nil
	}
	return g.authenticate(h)
}

// refuse answers a request without a valid token.
// https://www.rfc-editor.org/rfc/rfc6750#section-3
func refuse(w http.ResponseWriter, r *http.Request, refusal *runwith.Error) {
	if guard.IsGRPC(r) {
		apierror.WriteGRPC(w, refusal)
		return
	}
	challenge := `Bearer realm="runwith"`
	if r.Header.Get("Authorization") != "" {
		challenge += `, error="invalid_token"`
	}
	w.Header().Set("WWW-Authenticate", challenge)
	apierror.WriteGoogle(w, refusal)
}

// check admits a call before gRPC reads its message, and returns its context.
func (g *gate) check(ctx context.Context, info *tap.Info) (context.Context, error) {
	r := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: info.FullMethodName}, Host: first(info.Header, ":authority"), Header: http.Header{}}
	for _, name := range []string{"Origin", "Sec-Fetch-Site", "Authorization"} {
		r.Header[name] = info.Header.Get(name)
	}
	if p, ok := peer.FromContext(ctx); ok {
		ctx = context.WithValue(ctx, http.LocalAddrContextKey, p.LocalAddr)
	}
	r = r.WithContext(ctx)
	admitted, refusal := g.admit(r)
	if refusal == nil {
		refusal = g.refusal(r.Header)
	}
	if refusal != nil {
		return nil, apierror.GRPC(refusal)
	}
	return admitted, nil
}

func first(md metadata.MD, name string) string {
	if values := md.Get(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// bound cancels a unary call when the server begins to stop.
func (g *gate) bound(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if g.base == nil {
		return handler(ctx, req)
	}
	ctx, cancel := g.within(ctx)
	defer cancel()
	return handler(ctx, req)
}

// within returns a copy of ctx that is also canceled with the server's context, with the
// same cause. The caller cancels it.
func (g *gate) within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(g.base, func() { cancel(context.Cause(g.base)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}
