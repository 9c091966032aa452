package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/guard"
)

// interceptor stands around every call, over gRPC and REST alike: it bounds the
// request, reads the own project's number as its ID, and gives every error its
// canonical form.
func interceptor(logger *slog.Logger, own ownProject) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if err := checkSize(req); err != nil {
			return nil, encodeError(ctx, logger, info.FullMethod, err)
		}
		own.byID(req)
		res, err := handler(ctx, req)
		if err != nil {
			return nil, encodeError(ctx, logger, info.FullMethod, err)
		}
		return res, nil
	}
}

// encodeError gives an error its form, and logs its cause where the caller does not
// see it.
func encodeError(ctx context.Context, logger *slog.Logger, method string, err error) error {
	public := publicError(guard.Ended(ctx, err))
	if public.Code == runwith.Internal {
		logger.ErrorContext(ctx, "internal error", "method", method, "error", err)
	}
	return grpcError(public)
}

// publicError is what a caller may see of an error.
//
// Deviation: it has no details.
func publicError(err error) *runwith.Error {
	if e, ok := errors.AsType[*runwith.Error](err); ok {
		return e
	}
	if s, ok := status.FromError(err); ok {
		return runwith.Errorf(runwith.Code(s.Code()), "%s", s.Message())
	}
	switch code := runwith.CodeOf(err); code {
	case runwith.Canceled:
		return &runwith.Error{Code: code, Message: "the caller went away", Err: err}
	case runwith.DeadlineExceeded:
		return &runwith.Error{Code: code, Message: "the deadline has passed", Err: err}
	}
	return &runwith.Error{Code: runwith.Internal, Message: "internal error: the server's log says more", Err: err}
}

// grpcError encodes an error for gRPC. REST finds in it what it was.
func grpcError(e *runwith.Error) error { return &wireError{e} }

// wireError is an error as gRPC takes one.
type wireError struct{ cause *runwith.Error }

func (e *wireError) Error() string { return e.cause.Error() }

// GRPCStatus is what leaves the process over gRPC.
func (e *wireError) GRPCStatus() *status.Status {
	return status.New(codes.Code(e.cause.Code), e.cause.Error())
}

// Unwrap returns the error with its cause.
func (e *wireError) Unwrap() error { return e.cause }

// WriteError encodes an error as Google's REST APIs do, with the HTTP status that
// [guard.Status] tells.
//
// Deviation: a full disk is RESOURCE_EXHAUSTED with 503; Google's is 429, for a quota.
//
// See https://google.aip.dev/193.
func WriteError(w http.ResponseWriter, err error) {
	e := publicError(err)
	httpStatus := guard.Status(e)
	type body struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Status  string `json:"status"`
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	if after := guard.RetryAfter(err); after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(after))
	}
	w.WriteHeader(httpStatus)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(map[string]body{"error": {httpStatus, e.Error(), e.Code.String()}}) // the caller may be gone
}
