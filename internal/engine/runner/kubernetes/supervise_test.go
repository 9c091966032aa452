package kubernetes

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// podServer is an API server with one Pod, which no request changes.
type podServer struct {
	pod  *kube.Pod
	code map[string]int // of its answers, by method; 200 if there is none
	sent map[string]int // requests, by method
}

func (s *podServer) RoundTrip(q *http.Request) (*http.Response, error) {
	s.sent[q.Method]++
	code := http.StatusOK
	if c := s.code[q.Method]; c != 0 {
		code = c
	}
	body, err := json.Marshal(s.pod)
	return &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}, err
}

// supervisorOf returns the supervisor of a server's Pod.
func supervisorOf(t *testing.T, server *podServer) *supervisor {
	t.Helper()
	server.sent = make(map[string]int)
	r := &Runner{
		life: t.Context(), log: slog.New(slog.DiscardHandler),
		client: &kube.Client{Server: "http://cluster", HTTP: &http.Client{Transport: server}},
	}
	a := r.newAttempt(runner.ID{Execution: "e"})
	a.bind(server.pod)
	return &supervisor{Runner: r, a: a, pending: a.seen, retry: removeBackoff()}
}

// forced deletes a Pod by force.
func forced(p *kube.Pod) {
	p.Metadata.DeletionTimestamp, p.Metadata.DeletionGracePeriodSeconds = someTime, new(int64(0))
}

// actFor does the rounds of supervise, for a time or until the Pod is gone, and returns their number.
func (s *supervisor) actFor(d time.Duration) (rounds int) {
	const tooMany = 10_000
	for began := time.Now(); time.Since(began) < d && rounds < tooMany; rounds++ {
		v, _ := s.a.now()
		if v.over {
			return rounds
		}
		time.Sleep(s.act(v))
	}
	return rounds
}

// TestSupervisorRests checks that a supervisor sends its requests, and sleeps between them, while
// the Pod does not change.
func TestSupervisorRests(t *testing.T) {
	t.Parallel()
	closing := podIn("Running", terminated(0, "Completed"), sidecar(running()))
	for name, test := range map[string]struct {
		server    *podServer
		sent      string // the method of its requests
		min, most int    // requests in an hour
	}{
		"deleted, and its node is dead":      {&podServer{pod: closing}, http.MethodDelete, 1, 1},
		"cannot be deleted":                  {&podServer{pod: closing, code: map[string]int{http.MethodDelete: 500}}, http.MethodDelete, 60, 200},
		"somebody else's finalizer holds it": {&podServer{pod: podIn("Running", running(), forced)}, http.MethodPatch, 60, 200},
		"is gone with our finalizer": {&podServer{pod: podIn("Running", running(), forced), code: map[string]int{
			http.MethodGet: http.StatusNotFound,
		}}, http.MethodPatch, 1, 1},
		"was gone before": {&podServer{pod: podIn("Running", running(), forced), code: map[string]int{
			http.MethodPatch: http.StatusNotFound, http.MethodGet: http.StatusNotFound,
		}}, http.MethodPatch, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := supervisorOf(t, test.server)
				if rounds := s.actFor(time.Hour); rounds > 2*test.most+2 {
					t.Errorf("%d rounds in an hour, want at most %d", rounds, 2*test.most+2)
				}
				if n := test.server.sent[test.sent]; n < test.min || n > test.most {
					t.Errorf("%d %s requests in an hour, want %d to %d", n, test.sent, test.min, test.most)
				}
			})
		})
	}
}
