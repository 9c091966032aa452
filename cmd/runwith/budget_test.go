package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
)

// After a crash between acceptance and estimate, a budget still counts each invocation once:
// it refuses more, and gives back what an invocation has not used.
func TestKillWithBudget(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		// lived waits for the moment of the crash.
		lived func(t *testing.T, s *server, id string)
		ended bool // the invocations may have ended at that moment
	}{
		{name: "at once", lived: func(*testing.T, *server, string) {}},
		{name: "when it runs", lived: func(t *testing.T, s *server, id string) {
			s.waitFor(t, id, func(i *runwith.Invocation) bool { return i.State == runwith.StateRunning })
		}},
		{name: "when it has ended", ended: true, lived: func(t *testing.T, s *server, id string) {
			s.release(t)
			s.waitFor(t, id, func(i *runwith.Invocation) bool { return i.State == runwith.StateSucceeded })
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			config := roomForThree(t)
			s := startHolding(t, "--config", config)
			accepted := s.startMany(t)
			if len(accepted) != 3 {
				t.Fatalf("%d requests were accepted, want 3", len(accepted))
			}
			test.lived(t, s, accepted[0])
			if err := s.kill(); err != nil {
				t.Fatal(err)
			}
			s = startUp(t, s.data, "--config", config)
			if !test.ended {
				s.checkFull(t)
			}
			s.release(t)
			s.waitForUsed(t, 180) // three times the minimum of an attempt
			s.checkSettled(t, s.start(t))
			s.waitForUsed(t, 240)
		})
	}
}

// roomForThree is a configuration file with a budget for three invocations of hold, each of which
// uses 600 vCPU-seconds at worst.
func roomForThree(t *testing.T) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "runwith.yaml")
	err := os.WriteFile(file, []byte("jobs: {hold: {}}\nbudgets: [{job: hold, monthly: {vcpuSeconds: 1800}}]\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// waitForUsed waits until nothing is reserved, and that many vCPU-seconds have been used.
func (s *server) waitForUsed(t *testing.T, want float64) {
	t.Helper()
	eventually.True(t, "the budget has given back what was not used", func() bool {
		b := s.budget(t)
		return *b.Reserved.VCPUSeconds == 0 && *b.Used.VCPUSeconds == want
	})
}

// startMany starts hold 16 times at once, and returns the invocations that were accepted. It
// does not repeat what the budget refuses, as the client does.
func (s *server) startMany(t *testing.T) (accepted []string) {
	t.Helper()
	var callers sync.WaitGroup
	var mu sync.Mutex
	for range 16 {
		callers.Go(func() {
			answer, err := http.Post(s.url+"/api/v1/jobs/hold/invocations", "application/json", strings.NewReader("{}"))
			if err != nil {
				t.Error(err)
				return
			}
			defer answer.Body.Close()
			var i runwith.Invocation
			if err := json.NewDecoder(answer.Body).Decode(&i); err != nil {
				t.Error(err)
			}
			if answer.StatusCode == http.StatusTooManyRequests {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			accepted = append(accepted, i.ID)
		})
	}
	callers.Wait()
	return accepted
}

// budget is the only budget.
func (s *server) budget(t *testing.T) *runwith.Budget {
	t.Helper()
	budgets, err := s.client().Budgets(t.Context())
	if err != nil || len(budgets) != 1 {
		t.Fatalf("there are %d budgets (error %v), want 1", len(budgets), err)
	}
	return budgets[0]
}

// checkFull checks that the budget counts three invocations, and has no room for another.
func (s *server) checkFull(t *testing.T) {
	t.Helper()
	if b := s.budget(t); *b.Reserved.VCPUSeconds != 1800 {
		t.Errorf("after the crash the budget has %v vCPU-seconds reserved, want 1800", *b.Reserved.VCPUSeconds)
	}
	if accepted := s.startMany(t); len(accepted) != 0 {
		t.Errorf("after the crash %d more requests were accepted, want none", len(accepted))
	}
}
