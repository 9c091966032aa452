//go:build unix

package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/runwith/runwith/internal/kubetest"
)

// apiServerIsAway ends the API server. While it is away, a task ends and an execution is started.
func apiServerIsAway(t *testing.T, c *kubetest.Cluster, e *podEngine) {
	gate := newGate(t, c.Machine(t))
	ends := e.execute(t, "ends-meanwhile", script("echo begins; wget -qO- "+gate.url+"/stop; seq 1 200; printf last; wget -qO- "+gate.url+"/bye; exit 6", 1, 0), nil)
	e.awaitOutput(t, ends, "begins")
	c.Kill(t, kubetest.APIServer)
	close(gate.stop)
	<-gate.bye
	starts := e.execute(t, "starts-meanwhile", script("echo ran", 1, 0), nil)
	e.awaitReason(t, starts, "the cluster could not do it now")

	c.Start(t, kubetest.APIServer)
	if end := e.awaitEnd(t, starts); end.GetSucceededCount() != 1 {
		t.Errorf("tasks succeeded = %d, want 1", end.GetSucceededCount())
	}
	e.checkOutput(t, starts, "ran\n")
	if n := e.interruptions(t, starts) + e.interruptions(t, ends); n != "" {
		t.Errorf("interruptions = %q, want none", n)
	}
	e.checkUntilStop(t, ends)
}

// gate is a server that tells a task when to go on.
type gate struct {
	url       string
	stop, bye chan struct{} // stop lets the answer to /stop go; bye is closed by a request of /bye
}

// newGate starts a gate at an address of this machine.
func newGate(t *testing.T, ip string) gate {
	t.Helper()
	g := gate{stop: make(chan struct{}), bye: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("/stop", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-g.stop:
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/bye", func(http.ResponseWriter, *http.Request) { close(g.bye) })
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(mux)
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	g.url = s.URL
	return g
}
