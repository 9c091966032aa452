package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/eventually"
)

// A budget without room refuses events for good. They start the job by a retry once there is
// room.
func TestEventsWithoutBudget(t *testing.T) {
	t.Parallel()
	const file = `
jobs: {test-job: {}}
triggers:
  orders: {type: pubsub, job: test-job, callers: [anonymous]}
  strict: {type: pubsub, job: test-job, callers: [anonymous], refuse: nack}
budgets: [{job: test-job, monthly: {vcpuSeconds: 1}}]
`
	dir := t.TempDir()
	config := filepath.Join(dir, "runwith.yaml")
	replace(t, config, file)
	s := startUp(t, filepath.Join(dir, "data"), "--config", config)
	const body = `{"message":{"messageId":"1"},"subscription":"s"}`
	got := s.trigger(t, "orders", body, "Content-Type: application/json")
	if got.status != http.StatusOK || got.Outcome != "refused" || !strings.Contains(got.Detail, "budget") {
		t.Errorf("event without budget = %+v, want it refused and acknowledged", got)
	}
	got = s.trigger(t, "strict", body, "Content-Type: application/json")
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
		t.Errorf("event without budget, with refuse: nack = %+v, want 429 with Retry-After", got)
	}
	if out, ok := s.events(t, "retry", "--all", "--trigger", "orders"); ok || !strings.Contains(out, "still refused: budget") {
		t.Errorf("retry without budget: %s", out)
	}
	replace(t, config, strings.Replace(file, "vcpuSeconds: 1}", "vcpuSeconds: 1000000}", 1))
	eventually.True(t, "a retry starts the job once the budget has room", func() bool {
		_, ok := s.events(t, "retry", "--all", "--trigger", "orders")
		return ok
	})
	if out, _ := s.events(t, "list", "--outcome", "refused", "--trigger", "orders"); strings.Contains(out, "orders") {
		t.Errorf("refused events after the retry: %s", out)
	}
}
