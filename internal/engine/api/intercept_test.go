package api

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/cause"
)

// The interceptor keeps the cause of an error, which decides the HTTP status of REST.
func TestInterceptorKeepsTheCause(t *testing.T) {
	t.Parallel()
	full := &runwith.Error{Code: runwith.ResourceExhausted, Message: "the disk is full", Err: fmt.Errorf("%w: a secret cause", cause.DiskFull)}
	_, err := interceptor(slog.New(slog.DiscardHandler), ownProject{})(t.Context(), nil, &grpc.UnaryServerInfo{}, func(context.Context, any) (any, error) { return nil, full })
	w := httptest.NewRecorder()
	apierror.WriteGoogle(w, err)
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "RESOURCE_EXHAUSTED") {
		t.Errorf("over REST: %d %s, want 503 RESOURCE_EXHAUSTED", w.Code, w.Body)
	}
	s := status.Convert(err)
	if s.Code() != codes.ResourceExhausted || s.Message() != "the disk is full" || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("over gRPC: %v; over REST: %s; want the message alone", s, w.Body)
	}
}

// The caller can tell whether it or the server ended a call.
func TestEndOfCallerAndServerEndsCalls(t *testing.T) {
	t.Parallel()
	serving, stop := context.WithCancelCause(t.Context())
	waiting := func(ctx context.Context, req any) (any, error) {
		return interceptor(slog.New(slog.DiscardHandler), ownProject{})(ctx, req, &grpc.UnaryServerInfo{}, func(ctx context.Context, _ any) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
	}
	g := &gate{base: serving}
	left, leave := context.WithCancel(t.Context())
	leave()
	if _, err := g.bound(left, nil, nil, waiting); status.Code(err) != codes.Canceled {
		t.Errorf("the call that its caller leaves = %v, want Canceled", err)
	}
	stop(apierror.Stopping())
	if _, err := g.bound(t.Context(), nil, nil, waiting); status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "stopping") {
		t.Errorf("the call of a server that stops = %v, want Unavailable", err)
	}
}

// A handler that panics is an internal error of its call alone, and the log has the place.
func TestInterceptorRecovers(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	_, err := interceptor(logger, ownProject{})(t.Context(), nil, &grpc.UnaryServerInfo{}, func(context.Context, any) (any, error) { panic("canary") })
	streamed := streamInterceptor(logger)(nil, contextStream{ctx: t.Context()}, &grpc.StreamServerInfo{}, func(any, grpc.ServerStream) error { panic("canary") })
	for _, err := range []error{err, streamed} {
		if s, _ := status.FromError(err); s.Code() != codes.Internal || strings.Contains(s.Message(), "panic") {
			t.Errorf("error = %v, want an internal error without the cause", err)
		}
	}
	if text := log.String(); strings.Count(text, "intercept_test.go") < 2 || strings.Contains(text, "canary") {
		t.Errorf("log = %s, want both places, and no value", text)
	}
}

// contextStream is a stream that has only a context.
type contextStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s contextStream) Context() context.Context { return s.ctx }
