package guard_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/guard"
)

func TestEnded(t *testing.T) {
	t.Parallel()
	live := context.Background()
	left, leave := context.WithCancel(live)
	leave()
	base, stop := context.WithCancelCause(live)
	request, done := context.WithCancel(base)
	defer done()
	stop(guard.Stopping())
	for name, test := range map[string]struct {
		ctx  context.Context //nolint:containedctx // it is what the test varies
		err  error
		want runwith.Code
	}{
		"the server stops":                   {request, fmt.Errorf("read: %w", context.Canceled), runwith.Unavailable},
		"the caller has left":                {left, fmt.Errorf("read: %w", context.Canceled), runwith.Canceled},
		"it failed by itself, while it goes": {request, runwith.Errorf(runwith.NotFound, "no job"), runwith.NotFound},
		"it failed by itself":                {live, errors.New("broken"), runwith.Unknown},
		"no error":                           {request, nil, runwith.OK},
	} {
		if got := guard.Ended(test.ctx, test.err); runwith.CodeOf(got) != test.want {
			t.Errorf("%s: Ended(%v) = %v, want %v", name, test.err, got, test.want)
		}
	}
}

// wait is a cause that knows when to ask again.
type wait time.Duration

func (wait) Error() string               { return "wait" }
func (w wait) RetryAfter() time.Duration { return time.Duration(w) }

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("broken"), 0},
		{wait(-time.Minute), 0},
		{wait(time.Millisecond), 1},
		{&runwith.Error{Code: runwith.ResourceExhausted, Err: wait(30 * time.Second)}, 30},
		{wait(30*time.Second + 1), 31},
	} {
		if got := guard.RetryAfter(test.err); got != test.want {
			t.Errorf("RetryAfter(%v) = %d, want %d", test.err, got, test.want)
		}
	}
}
