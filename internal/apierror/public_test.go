package apierror_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
)

func TestEnded(t *testing.T) {
	t.Parallel()
	live := context.Background()
	left, leave := context.WithCancel(live)
	leave()
	base, stop := context.WithCancelCause(live)
	request, done := context.WithCancel(base)
	defer done()
	stop(apierror.Stopping())
	for name, test := range map[string]struct {
		ctx  context.Context //nolint:containedctx // varies by test
		err  error
		want runwith.Code
	}{
		"the server stops":              {request, fmt.Errorf("read: %w", context.Canceled), runwith.Unavailable},
		"the caller left":               {left, fmt.Errorf("read: %w", context.Canceled), runwith.Canceled},
		"failure while server stops":    {request, runwith.Errorf(runwith.NotFound, "no job"), runwith.NotFound},
		"failure while server serves":   {live, errors.New("broken"), runwith.Unknown},
		"no failure while server stops": {request, nil, runwith.OK},
	} {
		if got := apierror.Ended(test.ctx, test.err); runwith.CodeOf(got) != test.want {
			t.Errorf("%s: Ended(%v) = %v, want %v", name, test.err, got, test.want)
		}
	}
}
