package api_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/api"
	"github.com/runwith/runwith/internal/invoker/callback"
)

// fakeCallbacks records what the API asks for.
type fakeCallbacks struct {
	asked  []string
	filter callback.Filter
	err    error
}

func (f *fakeCallbacks) ask(what ...string) error {
	f.asked = append(f.asked, strings.Join(what, " "))
	return f.err
}

func (f *fakeCallbacks) Deliveries(_ context.Context, filter callback.Filter) ([]runwith.Delivery, string, error) {
	f.filter = filter
	return []runwith.Delivery{{ID: "evt_1", State: runwith.DeliveryPending}}, "evt_1", f.ask("list")
}

func (f *fakeCallbacks) Delivery(_ context.Context, id string) (runwith.Delivery, error) {
	return runwith.Delivery{ID: id, Payload: []byte(`{"type":"invocation.failed"}`)}, f.ask("show", id)
}

func (f *fakeCallbacks) Replay(_ context.Context, id string) (runwith.Delivery, error) {
	return runwith.Delivery{ID: id}, f.ask("replay", id)
}

func (f *fakeCallbacks) ReplayFailed(_ context.Context, name string) (int, error) {
	return 3, f.ask("replay all", name)
}

func (f *fakeCallbacks) Endpoints(context.Context) ([]runwith.Endpoint, error) {
	return nil, f.ask("endpoints")
}

func (f *fakeCallbacks) EnableEndpoint(_ context.Context, name string) (runwith.Endpoint, error) {
	return runwith.Endpoint{Name: name, State: runwith.EndpointOK}, f.ask("enable", name)
}

func TestCallbacks(t *testing.T) {
	t.Parallel()
	name := "https://docs.example.com/hooks?a=b" // an endpoint's name may be its URL
	escaped := url.PathEscape(name)
	for _, tt := range []struct{ route, asked, body string }{
		{"GET /api/v1/callbacks/deliveries", "list", `{"deliveries":[{"id":"evt_1",`},
		{"GET /api/v1/callbacks/deliveries/evt_1", "show evt_1", `"payload":{"type":"invocation.failed"}`},
		{"POST /api/v1/callbacks/deliveries/evt_1/replay", "replay evt_1", `{"id":"evt_1",`},
		{"GET /api/v1/callbacks/endpoints", "endpoints", `{"endpoints":[]}`},
		{"POST /api/v1/callbacks/endpoints/" + escaped + "/replay", "replay all " + name, `{"replayed":3}`},
		{"POST /api/v1/callbacks/endpoints/" + escaped + "/enable", "enable " + name, `"state":"ok"`},
	} {
		f := &fakeCallbacks{}
		server := serveConfig(t, api.Config{Invoker: &fake{}, Callbacks: f})
		a := ask(t, server, tt.route, "")
		if a.status != http.StatusOK || !strings.Contains(a.body, tt.body) || strings.Join(f.asked, ",") != tt.asked {
			t.Errorf("%s = %d %s after %q, want %s after %q", tt.route, a.status, a.body, f.asked, tt.body, tt.asked)
		}
		f.err = runwith.Errorf(runwith.PermissionDenied, "needs operate")
		if a := ask(t, server, tt.route, ""); a.status != http.StatusForbidden || !strings.Contains(a.body, "needs operate") {
			t.Errorf("%s without the grant = %d %s, want 403", tt.route, a.status, a.body)
		}
	}
}

func TestCallbackFilters(t *testing.T) {
	t.Parallel()
	f := &fakeCallbacks{}
	server := serveConfig(t, api.Config{Invoker: &fake{}, Callbacks: f})
	ask(t, server, "GET /api/v1/callbacks/deliveries?invocation=inv-1&endpoint=docs&state=failed&pageSize=7&pageToken=evt_9", "")
	if want := (callback.Filter{Invocation: "inv-1", Endpoint: "docs", State: runwith.DeliveryFailed, PageSize: 7, PageToken: "evt_9"}); f.filter != want {
		t.Errorf("filter = %+v, want %+v", f.filter, want)
	}
	for _, query := range []string{"state=lost", "pageSize=-1", "endpoints=docs", "state=failed&state=pending"} {
		if a := ask(t, server, "GET /api/v1/callbacks/deliveries?"+query, ""); a.status != http.StatusBadRequest {
			t.Errorf("a list with %s = %d %s, want 400", query, a.status, a.body)
		}
	}
	if a := ask(t, server, "POST /api/v1/callbacks/deliveries/evt_1/replay", `{"force":true}`); a.status != http.StatusBadRequest {
		t.Errorf("a replay with a body = %d %s, want 400", a.status, a.body)
	}
	if a := ask(t, serve(t, &fake{}), "GET /api/v1/callbacks/endpoints", ""); a.status != http.StatusNotFound {
		t.Errorf("callbacks of a server without them = %d, want 404", a.status)
	}
}

// The Go client and the API agree about paths and bodies.
func TestCallbacksThroughTheClient(t *testing.T) {
	t.Parallel()
	f := &fakeCallbacks{}
	client := &runwith.Client{Server: serveConfig(t, api.Config{Invoker: &fake{}, Callbacks: f}).URL}
	ctx, name := t.Context(), "https://docs.example.com/hooks"
	for d, err := range client.Deliveries(ctx, &runwith.DeliveryOptions{Endpoint: name, State: runwith.DeliveryFailed, PageSize: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		if d.ID != "evt_1" {
			t.Errorf("ID of the delivery = %q, want evt_1", d.ID)
		}
		if f.filter.Endpoint != name {
			t.Errorf("filter of Deliveries() has endpoint %q, want %q", f.filter.Endpoint, name)
		}
		if f.filter.PageSize != 2 {
			t.Errorf("filter of Deliveries() has page size %d, want 2", f.filter.PageSize)
		}
		break
	}
	if d, err := client.Delivery(ctx, "evt_1"); err != nil || string(d.Payload) != `{"type":"invocation.failed"}` {
		t.Errorf("Delivery() = %+v, %v", d, err)
	}
	if d, err := client.Replay(ctx, "evt_1"); err != nil || d.ID != "evt_1" {
		t.Errorf("Replay() = %+v, %v", d, err)
	}
	if n, err := client.ReplayFailed(ctx, name); err != nil || n != 3 {
		t.Errorf("ReplayFailed() = %d, %v", n, err)
	}
	if all, err := client.Endpoints(ctx); err != nil || len(all) != 0 {
		t.Errorf("Endpoints() = %v, %v", all, err)
	}
	if e, err := client.EnableEndpoint(ctx, name); err != nil || e.Name != name {
		t.Errorf("EnableEndpoint() = %+v, %v", e, err)
	}
	for what, call := range map[string]func() error{
		"Delivery":       func() error { _, err := client.Delivery(ctx, ""); return err },
		"Replay":         func() error { _, err := client.Replay(ctx, ".."); return err },
		"ReplayFailed":   func() error { _, err := client.ReplayFailed(ctx, ""); return err },
		"EnableEndpoint": func() error { _, err := client.EnableEndpoint(ctx, "."); return err },
	} {
		if err := call(); runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("%s() of no name = %v, want INVALID_ARGUMENT", what, err)
		}
	}
}
