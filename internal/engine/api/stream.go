package api

import (
	"context"
	"log/slog"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
)

// streamInterceptor returns what runs around every stream. It limits the size of each
// message and gives every error its public form.
func streamInterceptor(logger *slog.Logger) grpc.StreamServerInterceptor {
	return func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		err := recoveredStream(srv, boundedStream{stream}, handler)
		if err == nil {
			return nil
		}
		return encodeError(stream.Context(), logger, info.FullMethod, err)
	}
}

// recoveredStream is recovered for a stream.
func recoveredStream(srv any, stream grpc.ServerStream, handler grpc.StreamHandler) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = apierror.Panicked(value)
		}
	}()
	return handler(srv, stream)
}

// boundedStream refuses large messages.
type boundedStream struct{ grpc.ServerStream }

// RecvMsg receives a message.
func (s boundedStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	return checkSize(m)
}

// boundStream cancels a stream when the server begins to stop.
func (g *gate) boundStream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if g.base == nil {
		return handler(srv, stream)
	}
	ctx, cancel := g.within(stream.Context())
	defer cancel()
	return handler(srv, endingStream{stream, ctx})
}

// endingStream is a stream with a context of ours.
type endingStream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // a stream has its context by itself
}

// Context returns the stream's context.
func (s endingStream) Context() context.Context { return s.ctx }

// checkSize refuses a message that is too large, over gRPC and REST alike.
func checkSize(m any) error {
	if message, ok := m.(proto.Message); ok && proto.Size(message) > maxMessage {
		return runwith.Errorf(runwith.InvalidArgument, "the request has more than %d bytes", maxMessage)
	}
	return nil
}
