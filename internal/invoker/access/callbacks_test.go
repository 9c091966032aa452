package access_test

import (
	"context"
	"strings"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/access"
	"github.com/runwith/runwith/internal/invoker/callback"
	"github.com/runwith/runwith/internal/invoker/policy"
	"github.com/runwith/runwith/internal/principal"
)

// callbacks counts the calls that come through.
type callbacks struct{ calls int }

func (c *callbacks) Deliveries(context.Context, callback.Filter) ([]runwith.Delivery, string, error) {
	c.calls++
	return nil, "", nil
}

func (c *callbacks) Delivery(context.Context, string) (d runwith.Delivery, _ error) {
	c.calls++
	return d, nil
}

func (c *callbacks) Replay(context.Context, string) (d runwith.Delivery, _ error) {
	c.calls++
	return d, nil
}

func (c *callbacks) ReplayFailed(context.Context, string) (int, error) { c.calls++; return 0, nil }

func (c *callbacks) Endpoints(context.Context) ([]runwith.Endpoint, error) {
	c.calls++
	return nil, nil
}

func (c *callbacks) EnableEndpoint(context.Context, string) (e runwith.Endpoint, _ error) {
	c.calls++
	return e, nil
}

func TestCallbacksNeedOperate(t *testing.T) {
	t.Parallel()
	p := compile(t, config)
	for who, want := range map[string]bool{"operator": true, "viewer": false, "starter": false, "stranger": false, "": false} {
		next := &callbacks{}
		c := access.NewCallbacks(next, func() *policy.Policy { return p })
		ctx := principal.With(t.Context(), principal.Principal{Name: who})
		for name, call := range map[string]func() error{
			"Deliveries":     func() error { _, _, err := c.Deliveries(ctx, callback.Filter{}); return err },
			"Delivery":       func() error { _, err := c.Delivery(ctx, "a"); return err },
			"Replay":         func() error { _, err := c.Replay(ctx, "a"); return err },
			"ReplayFailed":   func() error { _, err := c.ReplayFailed(ctx, "a"); return err },
			"Endpoints":      func() error { _, err := c.Endpoints(ctx); return err },
			"EnableEndpoint": func() error { _, err := c.EnableEndpoint(ctx, "a"); return err },
		} {
			err := call()
			if want != (err == nil) {
				t.Errorf("%s by %q: %v, want allowed: %v", name, who, err, want)
			}
			if err != nil && runwith.CodeOf(err) != runwith.PermissionDenied {
				t.Errorf("%s by %q: %v, want PERMISSION_DENIED", name, who, err)
			}
			if err != nil && !strings.Contains(err.Error(), "operate") {
				t.Errorf("%s by %q: %v, want the missing verb, operate", name, who, err)
			}
		}
		if came := next.calls > 0; came != want {
			t.Errorf("%d calls of %q came through", next.calls, who)
		}
	}
}
