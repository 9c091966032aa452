package cloudrun

import (
	"context"
	"errors"
	"path"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/metrics"
)

// listLog is the method of the calls to Cloud Logging, as its API names it.
const listLog = "ListLogEntries"

func newCalls() *metrics.Counter {
	return metrics.NewCounter("runwith_cloudrun_calls_total", "Calls to Cloud Run and Cloud Logging, by their result.", "method", "code")
}

// Metrics returns what the client reports.
func (c *Client) Metrics() []metrics.Metric { return []metrics.Metric{c.calls.Metric()} }

// count makes a call and counts it. Methods are those of the library, so they are few.
func (c *Client) count(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error { //nolint:revive // gRPC's signature
	err := invoke(ctx, method, req, reply, conn, opts...)
	result := runwith.OK
	switch {
	case errors.Is(err, errTooLarge):
		result = runwith.Internal
	case err != nil:
		result = code(int(status.Code(err)))
	}
	c.calls.Inc(path.Base(method), result.String())
	return err
}
