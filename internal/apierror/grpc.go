package apierror

import (
	"net/http"
	"net/url"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/runwith/runwith"
)

// GRPC returns err in the form that a gRPC server expects of its handlers. The error
// it returns wraps err, so [Status] still finds its cause.
func GRPC(err error) error { return &grpcError{Public(err)} }

// grpcError is an error with a gRPC status.
type grpcError struct{ err *runwith.Error }

// Error returns the public message.
func (e *grpcError) Error() string { return e.err.Error() }

// GRPCStatus returns what a gRPC server sends.
func (e *grpcError) GRPCStatus() *status.Status {
	return status.New(codes.Code(e.err.Code), e.err.Error())
}

// Unwrap returns the error and, through it, its cause.
func (e *grpcError) Unwrap() error { return e.err }

// WriteGRPC answers a gRPC request with err where no gRPC server does: with trailers
// alone. A gRPC client then shows the message instead of an unexpected HTTP status.
// See https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses.
func WriteGRPC(w http.ResponseWriter, err error) {
	e := Public(err)
	h := w.Header()
	h.Set("Content-Type", "application/grpc")
	h.Set("Grpc-Status", strconv.Itoa(int(e.Code)))
	h.Set("Grpc-Message", url.PathEscape(e.Error()))
	w.WriteHeader(http.StatusOK)
}
