package kubernetes

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// mute is an API server that answers changes of a Pod with 404, and never answers reads.
type mute struct{ asked atomic.Int64 }

func (m *mute) RoundTrip(q *http.Request) (*http.Response, error) {
	if q.Method != http.MethodGet {
		return leaseAnswer(http.StatusNotFound, kube.Lease{}), nil
	}
	m.asked.Add(1)
	<-q.Context().Done()
	return nil, q.Context().Err()
}

// TestStopConfirms checks that a Stop whose Pod is not there asks for it one request after the
// other, and not at all beside Close.
func TestStopConfirms(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		closed    bool
		min, most int64 // times in a minute that the Pod is asked for, with 30 s for an answer
	}{
		"the Runner is open": {false, 2, 2},
		"the Runner closes":  {true, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				life, end := context.WithCancel(t.Context())
				server := &mute{}
				r := &Runner{life: life, client: &kube.Client{Server: "http://cluster", HTTP: &http.Client{Transport: server}}}
				a := r.newAttempt(runner.ID{Execution: "e"})
				a.bind(podIn("Running", running()))
				if test.closed {
					r.attempts.Close()
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if err := r.stop(ctx, a, 0); err == nil {
					t.Error("stop() = nil, want an error, because the attempt has not ended")
				}
				if n := server.asked.Load(); n < test.min || n > test.most {
					t.Errorf("the Pod was asked for %d times, want %d to %d", n, test.min, test.most)
				}
				end()
				r.background.Wait()
			})
		})
	}
}
