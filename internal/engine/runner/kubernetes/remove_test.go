package kubernetes

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
	"github.com/runwith/runwith/internal/eventually"
)

// emptyServer is an API server without any object.
type emptyServer struct{}

func (emptyServer) RoundTrip(*http.Request) (*http.Response, error) {
	return leaseAnswer(http.StatusNotFound, kube.Lease{}), nil
}

// TestReleaseDuringAdoption checks that releasing an attempt and adopting it do not wait for each
// other.
func TestReleaseDuringAdoption(t *testing.T) {
	t.Parallel()
	closed, end := context.WithCancel(t.Context())
	end()
	r := &Runner{life: closed, client: &kube.Client{Server: "http://cluster", HTTP: &http.Client{Transport: emptyServer{}}}}
	a := r.newAttempt(runner.ID{Execution: "e"})
	if err := r.attempts.ClaimLeft(a); err != nil {
		t.Fatal(err)
	}
	var released sync.WaitGroup
	err := r.attempts.Adopt(a, true, func() {
		released.Go(func() { r.release(a) })
		eventually.True(t, "the attempt is free for its adoption while it is released", func() bool {
			if !a.mu.TryLock() {
				return false
			}
			defer a.mu.Unlock()
			return a.removing
		})
	})
	if err != nil {
		t.Errorf("Adopt() = %v, want no error", err)
	}
	released.Wait()
	r.background.Wait()
}
