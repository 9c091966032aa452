package api_test

import (
	"net/http"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/store"
)

func TestTick(t *testing.T) {
	t.Parallel()
	f := &fake{tick: func() (invoker.Outstanding, error) {
		return invoker.Outstanding{
			runwith.StateAccepted: 1, runwith.StateQueued: 2, runwith.StateStarting: 3, runwith.StateRunning: 4, runwith.StateUnresolved: 5, store.Later: 6,
		}, nil
	}}
	got := ask(t, serve(t, f), "POST /api/v1/tick", "")
	const want = `{"accepted":1,"later":6,"queued":2,"starting":3,"running":4,"unresolved":5}` + "\n"
	if got.status != http.StatusOK || got.body != want {
		t.Errorf("%d %s, want 200 %s", got.status, got.body, want)
	}

	f.tick = func() (invoker.Outstanding, error) { return nil, runwith.Errorf(runwith.Unavailable, "stopping") }
	if got := ask(t, serve(t, f), "POST /api/v1/tick", ""); got.status != http.StatusServiceUnavailable || got.problem(t).Detail != "stopping" {
		t.Errorf("%d %s, want 503 with the reason", got.status, got.body)
	}
}
