package cloudrun

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/runwith/runwith"
)

const (
	// maxAnswer bounds an answer of Cloud Run or Cloud Logging, in bytes. An execution with 1,000 variables of the
	// greatest length has half of it.
	maxAnswer = 64 << 20
	// maxHeldAnswer bounds the answer to a request that Cloud Run holds. There are a thousand of
	// those at a time, and an execution that is larger is polled instead.
	maxHeldAnswer = 1 << 20
)

// errTooLarge is in the tree of an error if an answer was larger than its bound.
var errTooLarge = errors.New("the answer is too large")

// limited makes a call, and turns gRPC's own error for an answer that is too large into INTERNAL.
// gRPC's RESOURCE_EXHAUSTED means that a job was not started, and that a quota is used up.
// A server that sends the same text gets INTERNAL too, which only means that an outcome is unknown.
func limited(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error { //nolint:revive // gRPC's signature
	err := invoke(ctx, method, req, reply, conn, opts...)
	if s := status.Convert(err); s.Code() == codes.ResourceExhausted && strings.HasPrefix(s.Message(), "grpc: ") {
		return tooLarge("Cloud Run", err)
	}
	return err
}

func tooLarge(whose string, err error) error {
	return &runwith.Error{Code: runwith.Internal, Err: fmt.Errorf("%w: %s", errTooLarge, err.Error()), // without its status
		Message: "an answer of " + whose + " is larger than this program reads: " + LookAtServer}
}
