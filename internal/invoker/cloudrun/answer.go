package cloudrun

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"
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
	// maxMessage bounds a message of Cloud Run, and maxTaskMessage one of a task, because memory
	// may have 100,000 of those. maxName bounds a name; resource names have about 300 bytes.
	maxMessage, maxTaskMessage, maxName = 4 << 10, 1000, 1000
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

// short returns a text of at most about most bytes.
func short(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// brief is an error with a short text, for logs.
type brief struct{ error }

func (b brief) Error() string { return short(b.error.Error(), maxMessage) }
func (b brief) Unwrap() error { return b.error }

// checkNames refuses names that are longer than any of Cloud Run's, because stores and logs keep
// them.
func checkNames(names ...string) error {
	for _, name := range names {
		if len(name) > maxName {
			return runwith.Errorf(runwith.Internal, "an answer of Cloud Run has a name of %d bytes, which begins with %.40q: %s", len(name), name, LookAtServer)
		}
	}
	return nil
}

// checkExecution checks the names of an execution, and shortens its messages.
func checkExecution(e *runpb.Execution) error {
	shorten(e.GetConditions(), maxMessage)
	return checkNames(e.GetName(), e.GetUid(), e.GetJob())
}

func shorten(conditions []*runpb.Condition, most int) {
	for _, c := range conditions {
		c.Message = short(c.GetMessage(), most)
	}
}

// shortenTask shortens the messages of a task.
func shortenTask(t *runpb.Task) {
	shorten(t.GetConditions(), maxTaskMessage)
	if s := t.GetLastAttemptResult().GetStatus(); s != nil {
		s.Message = short(s.GetMessage(), maxTaskMessage)
	}
}
