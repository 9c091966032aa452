package cloudrun

import (
	"context"
	"sync/atomic"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// flight is what is known of one call on the wire. A gRPC status alone does not
// tell: UNAVAILABLE comes from a dial that failed as from a connection that broke
// after the request, and a reset stream is given codes that read like an answer.
type flight struct {
	asked    atomic.Bool // for credentials: a stream was about to be opened
	watched  atomic.Bool // the recorder is told of this call
	sent     atomic.Bool // a stream was opened: from here on bytes may have left
	answered atomic.Bool // the server itself has said how the call ended
}

// grounded reports whether certainly nothing was sent. That a recorder which is
// not told of the call saw no stream would prove nothing.
func (f *flight) grounded() bool {
	return !f.sent.Load() && (!f.asked.Load() || f.watched.Load())
}

type flightKey struct{}

func (f *flight) context(ctx context.Context) context.Context {
	return context.WithValue(ctx, flightKey{}, f)
}

// flightRecorder is the [stats.Handler] that keeps flights up to date.
type flightRecorder struct{}

// HandleRPC looks at three events: Begin comes first, OutHeader follows the opening
// of a stream within the call's own goroutine, InTrailer is a status that arrived
// over the wire.
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

// single lets one stream of a call out. gRPC opens a second one by itself, also
// with retries disabled, where a server says that it did not process the first
// (a refused stream, GOAWAY); a proxy between may be wrong about that. gRPC asks
// for credentials before it opens a stream, so they are where this can be stopped.
type single struct{ flight *flight }

// GetRequestMetadata fails the second time, unless the first led to no stream.
func (s single) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	if s.flight.asked.Swap(true) && !s.flight.grounded() {
		return nil, status.Error(codes.Unavailable, "the connection was lost, and the request is not sent twice")
	}
	return nil, nil
}

// RequireTransportSecurity returns false: there is no secret in it.
func (single) RequireTransportSecurity() bool { return false }
