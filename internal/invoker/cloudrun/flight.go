package cloudrun

import (
	"context"
	"sync/atomic"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// flight is what happened to one call on the wire. A gRPC status alone does not show
// whether a request was sent: UNAVAILABLE means a failed dial or a connection that broke
// after the request, and a reset stream gets codes that look like a server's answer.
type flight struct {
	asked    atomic.Bool // gRPC asked for credentials, just before it opens a stream
	watched  atomic.Bool // the recorder sees this call
	sent     atomic.Bool // a stream was opened, so bytes may have left
	answered atomic.Bool // the server itself answered how the call ended
}

// grounded reports whether certainly nothing was sent. It needs a recorder that sees the
// call: only then does "no stream was opened" prove anything.
func (f *flight) grounded() bool {
	return !f.sent.Load() && (!f.asked.Load() || f.watched.Load())
}

type flightKey struct{}

func (f *flight) context(ctx context.Context) context.Context {
	return context.WithValue(ctx, flightKey{}, f)
}

// flightRecorder is the [stats.Handler] that fills flights.
type flightRecorder struct{}

// HandleRPC looks at three events. Begin comes first. OutHeader follows the opening of a
// stream, in the call's own goroutine. InTrailer is a status that arrived over the wire.
func (flightRecorder) HandleRPC(ctx context.Context, event stats.RPCStats) {
	f, ok := ctx.Value(flightKey{}).(*flight)
	if !ok {
		return
	}
	switch event.(type) {
	case *stats.Begin:
		f.watched.Store(true)
	case *stats.OutHeader:
		f.sent.Store(true)
	case *stats.InTrailer:
		f.answered.Store(true)
	}
}

// TagRPC keeps the context, which carries the flight already.
func (flightRecorder) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// TagConn keeps the context.
func (flightRecorder) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn does nothing.
func (flightRecorder) HandleConn(context.Context, stats.ConnStats) {}

// single allows one stream for each call. Even with retries disabled, gRPC opens a second
// one if the server reports that it did not process the first (a refused stream, GOAWAY);
// a proxy in between may be wrong about that. gRPC asks for credentials before it opens a
// stream, so that is where single can stop it.
type single struct{ flight *flight }

// GetRequestMetadata fails the second time, unless the first led to no stream.
func (s single) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	if s.flight.asked.Swap(true) && !s.flight.grounded() {
		return nil, status.Error(codes.Unavailable, "the connection was lost, and the request is not sent twice")
	}
	return nil, nil
}

// RequireTransportSecurity returns false, because it sends no secret.
func (single) RequireTransportSecurity() bool { return false }
