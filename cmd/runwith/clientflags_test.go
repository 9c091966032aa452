package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestInterruptClient interrupts commands while the invoker does not answer.
func TestInterruptClient(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"invocations", "list"}, {"schedules", "run-now", "nightly"}, {"callbacks", "replay", "evt_1"},
		{"events", "retry", "evt_1"}, {"usage"},
	} {
		ctx, interrupt := context.WithCancel(t.Context())
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			interrupt()
			<-r.Context().Done()
		}))
		root := newRoot()
		root.SetOut(io.Discard)
		root.SetErr(io.Discard)
		if code := execute(ctx, root, append(args, "--server", server.URL)); code != exitInterrupted {
			t.Errorf("%v: exit code = %d, want %d", args, code, exitInterrupted)
		}
		interrupt()
		server.Close()
	}
}
