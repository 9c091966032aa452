package server_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/runwith/runwith/internal/server"
	"github.com/runwith/runwith/internal/tracing"
)

// TestOwnTrace compares a route that continues the trace of its caller with one that does not.
func TestOwnTrace(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, tracing.Traceparent(r.Context()))
	})
	s := start(t, server.Config{}, &server.Site{Routes: []server.Route{
		{Pattern: "/own", Handler: h, OwnTrace: true}, {Pattern: "/", Handler: h},
	}})
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for path, want := range map[string]string{"/own": "", "/other": parent} {
		if _, got := s.get(t, path, "Traceparent", parent); got != want {
			t.Errorf("traceparent of %s = %q, want %q", path, got, want)
		}
	}
}
