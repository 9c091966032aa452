package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/tap"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/guard"
)

// ServeGRPC serves gRPC on a listener of its own, with gRPC's own transport, which
// answers sooner than net/http does. Each call must pass check, which sees it as a
// request with its Host and headers; calls that wait end with ctx,
// and are told its cause. It returns when the server is stopped, and is called once.
// A server with faults serves gRPC as a
// handler alone, because gRPC's own transport loses no answer.
func (s *Server) ServeGRPC(ctx context.Context, l net.Listener, check func(*http.Request) *runwith.Error) error {
	if s.faults != nil {
		return errors.New("serve gRPC: a server with faults is served as a handler")
	}
	s.gate.base, s.gate.admit = ctx, check
	if err := s.grpc.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve gRPC: %w", err)
	}
	return nil
}

// StopGRPC ends ServeGRPC: calls under way have until ctx ends.
func (s *Server) StopGRPC(ctx context.Context) {
	stop := context.AfterFunc(ctx, s.grpc.Stop)
	defer stop()
	s.grpc.GracefulStop()
}

// gate stands in front of what comes through ServeGRPC. What comes through
// ServeHTTP has passed the handlers in front of that, and is asked for its token there.
type gate struct {
	base         context.Context //nolint:containedctx // the life of the server, as http.Server's BaseContext
	admit        func(*http.Request) *runwith.Error
	authenticate func(http.Header) *runwith.Error // nil: nobody is asked
}

// refusal returns why a call with this header has no answer, or nil.
func (g *gate) refusal(h http.Header) *runwith.Error {
	if g.authenticate == nil {
		return nil
	}
	return g.authenticate(h)
}

// refuse answers a call that has not shown who sends it.
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

// check looks at a call before anything is made of it.
func (g *gate) check(ctx context.Context, info *tap.Info) (context.Context, error) {
	r := &http.Request{Method: http.MethodPost, Host: first(info.Header, ":authority"), Header: http.Header{}}
	for _, name := range []string{"Origin", "Sec-Fetch-Site", "Authorization"} {
		r.Header[name] = info.Header.Get(name)
	}
	if p, ok := peer.FromContext(ctx); ok {
		ctx := context.WithValue(ctx, http.LocalAddrContextKey, p.LocalAddr)
		r = r.WithContext(ctx)
	}
	refusal := g.admit(r)
	if refusal == nil {
		refusal = g.refusal(r.Header)
	}
	if refusal != nil {
		return nil, apierror.GRPC(refusal)
	}
	return ctx, nil
}

func first(md metadata.MD, name string) string {
	if values := md.Get(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// bound ends a call with the server.
func (g *gate) bound(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if g.base == nil {
		return handler(ctx, req)
	}
	ctx, cancel := g.within(ctx)
	defer cancel()
	return handler(ctx, req)
}

// within returns a context that also ends with the server, and for its cause. The
// caller cancels it.
func (g *gate) within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(g.base, func() { cancel(context.Cause(g.base)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}
