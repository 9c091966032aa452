package api

import (
	"context"
	"errors"
	"log/slog"

	"google.golang.org/grpc"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
)

// interceptor returns what runs around every call, over gRPC and REST alike. It limits
// the size of the request, replaces the number of the engine's own project by its ID,
// and gives every error its public form.
func interceptor(logger *slog.Logger, own ownProject) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if err := checkSize(req); err != nil {
			return nil, encodeError(ctx, logger, info.FullMethod, err)
		}
		own.byID(req)
		res, err := recovered(ctx, req, handler)
		if err != nil {
			return nil, encodeError(ctx, logger, info.FullMethod, err)
		}
		return res, nil
	}
}

// recovered calls a handler and turns its panic into an error, so that one bad request does
// not end the others.
func recovered(ctx context.Context, req any, handler grpc.UnaryHandler) (res any, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = apierror.Panicked(value)
		}
	}()
	return handler(ctx, req)
}

// encodeError returns the error that the caller gets, and logs it if the caller does
// not see its cause.
func encodeError(ctx context.Context, logger *slog.Logger, method string, err error) error {
	err = apierror.Ended(ctx, err)
	if apierror.Public(err).Code == runwith.Internal {
		logger.ErrorContext(ctx, "internal error", "method", method, "error", err, "stack", stackOf(err))
	}
	return apierror.GRPC(err)
}

// stackOf returns where a panic happened, or "" for other errors.
func stackOf(err error) string {
	if p, ok := errors.AsType[*apierror.Panic](err); ok {
		return p.Stack()
	}
	return ""
}
