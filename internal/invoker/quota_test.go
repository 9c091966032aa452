package invoker

import (
	"context"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
)

// tooMany is Cloud Run's answer to a call beyond its quota.
func tooMany(after time.Duration) error {
	detail, err := anypb.New(&errdetails.RetryInfo{RetryDelay: durationpb.New(after)})
	if err != nil {
		return err
	}
	s := status.FromProto(&spb.Status{Code: int32(codes.ResourceExhausted), Message: "too many", Details: []*anypb.Any{detail}})
	return &runwith.Error{Code: runwith.ResourceExhausted, Message: "too many", Err: s.Err()}
}

type runFunc = func(context.Context, int, func() *runpb.Execution) (*runpb.Execution, error)

// serial allows one call at a time into a function.
func serial(run runFunc) runFunc {
	var mu sync.Mutex
	return func(ctx context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
		mu.Lock()
		defer mu.Unlock()
		return run(ctx, n, start)
	}
}

// TestRetryAfterIsHonoured lets Cloud Run ask for five minutes.
func TestRetryAfterIsHonoured(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{run: func(_ context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
			if n == 0 {
				return nil, tooMany(5 * time.Minute)
			}
			return start(), nil
		}}
		v := open(t, c)
		until(t, v, invoke(t, v, runwith.Overrides{}).ID, runwith.StateRunning)
		if d := c.seen().times[1].Sub(c.seen().times[0]); d < 5*time.Minute || d > 6*time.Minute {
			t.Errorf("the second call came after %v, want 5 minutes", d)
		}
	})
}

// TestQuotasCountApart uses up one quota, and checks that the others are not affected.
func TestQuotasCountApart(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{}
		v := open(t, c, func(c *Config) { c.Limits.Logs = 2 })
		id := invoke(t, v, runwith.Overrides{}).ID
		until(t, v, id, runwith.StateRunning)
		began := time.Now()
		for range 2 {
			for _, err := range v.Logs(t.Context(), id, LogQuery{}) {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		if took := time.Since(began); took < 29*time.Second || took > time.Minute {
			t.Errorf("two reads of the log took %v, want half a minute between them", took)
		}
		before := c.reads()
		time.Sleep(time.Minute)
		if c.reads()-before < 10 {
			t.Errorf("%d reads of executions in a minute, want what they always are", c.reads()-before)
		}
	})
}

// TestReadsWait lets Cloud Run refuse reads. They wait as long as it asks, and no
// invocation ends because of that.
func TestReadsWait(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{life: time.Minute}
		v := open(t, c)
		id := invoke(t, v, runwith.Overrides{}).ID
		until(t, v, id, runwith.StateRunning)
		var times []time.Time
		c.change(func() {
			c.execution = func(string) (*runpb.Execution, error) {
				times = append(times, time.Now())
				if len(times) < 3 {
					return nil, tooMany(10 * time.Minute)
				}
				return success(executionOf("report", id)), nil
			}
		})
		if got := wait(t, v, id); got.State != runwith.StateSucceeded {
			t.Errorf("invocation = %+v", got)
		}
		for i := 1; i < len(times); i++ {
			if d := times[i].Sub(times[i-1]); d < 10*time.Minute {
				t.Errorf("read %d came %v after the one before", i, d)
			}
		}
		if cloudrun.RetryAfter(tooMany(time.Second)) != time.Second {
			t.Error("the test's own error asks for nothing")
		}
	})
}
