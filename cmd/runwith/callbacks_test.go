package main

import (
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/principal"
	"github.com/runwith/runwith/internal/testneed"
)

// receiver keeps the events that arrive, and verifies each with the official library.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	events []*runwith.Event
	status int // of the answer; 0: 200
}

func newReceiver(t *testing.T, secret func() string) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			t.Error(err)
			return
		}
		wh, err := standardwebhooks.NewWebhook(secret())
		if err != nil {
			t.Error(err)
			return
		}
		if err := wh.Verify(body, q.Header); err != nil {
			t.Errorf("the official library refuses a callback: %v", err)
		}
		event, err := runwith.VerifyCallback(q.Header, body, secret())
		if err != nil {
			t.Errorf("VerifyCallback() = %v", err)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events = append(r.events, event)
		if r.status != 0 {
			w.WriteHeader(r.status)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) received() []*runwith.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// A developer names a receiver of this machine in a request, without a configuration.
func TestCallbackOfARequest(t *testing.T) {
	t.Parallel()
	needProcesses(t)
	data := t.TempDir()
	secret := func() string {
		text, err := os.ReadFile(filepath.Join(data, callbackSecret))
		if err != nil {
			t.Error(err)
		}
		return strings.TrimSpace(string(text))
	}
	r := newReceiver(t, secret)
	s := startUp(t, data)
	if !strings.Contains(s.said(), "callbacks to this machine are signed with "+secret()) {
		t.Errorf("up did not print the secret that it made:\n%s", s.said())
	}
	info, err := os.Stat(filepath.Join(data, callbackSecret))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the secret's file: %v, %v, want mode 0600", info, err)
	}
	i, err := s.client().Start(t.Context(), "test-job", rand.Text(), &runwith.Request{
		Callback: &runwith.Callback{URL: r.URL + "/hook"}, Labels: map[string]string{"tenant": "acme"},
		Overrides: runwith.Overrides{Env: map[string]string{"TOKEN": "canary"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually.True(t, "the event arrives", func() bool { return len(r.received()) == 1 })
	e := r.received()[0]
	for _, field := range []struct {
		name      string
		got, want any
	}{
		{"type", e.Type, runwith.EventSucceeded},
		{"ID of the invocation", e.Data.ID, i.ID},
		{"job", e.Data.Job, "test-job"},
		{"state", e.Data.State, runwith.StateSucceeded},
		{"tenant", e.Data.Labels["tenant"], "acme"},
		{"number of tasks that succeeded", e.Data.Counts.Succeeded, 1},
		{"path of the logs", e.Data.Logs, "/api/v1/invocations/" + i.ID + "/logs"},
	} {
		if field.got != field.want {
			t.Errorf("event: %s = %v, want %v", field.name, field.got, field.want)
		}
	}
	if e.Data.Version == 0 {
		t.Errorf("event %+v has no version", e)
	}
	if e.Data.Execution == "" {
		t.Errorf("event %+v has no execution", e)
	}
	d, err := s.client().Delivery(t.Context(), e.ID)
	if err != nil || d.Invocation != i.ID || strings.Contains(string(d.Payload), "canary") {
		t.Errorf("delivery = %+v, %v", d, err)
	}
	for url, want := range map[string]runwith.Code{"https://example.com/": runwith.PermissionDenied, "http://169.254.169.254/": runwith.InvalidArgument, "http://10.0.0.1/": runwith.InvalidArgument} {
		_, err := s.client().Start(t.Context(), "test-job", rand.Text(), &runwith.Request{Callback: &runwith.Callback{URL: url}})
		if runwith.CodeOf(err) != want || !strings.Contains(err.Error(), "callback.url") {
			t.Errorf("Start() with callback %s = %v, want %v that names callback.url", url, err, want)
		}
	}
}

// The receiver is down when the event happens. The server is killed, and the next one delivers
// the event under the same ID.
func TestCallbackAfterKill(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	needProcesses(t)
	dir := t.TempDir()
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	r := newReceiver(t, func() string { return secret })
	r.answer(http.StatusInternalServerError)
	config := filepath.Join(dir, "runwith.yaml")
	for name, content := range map[string]string{
		config:                    "jobs: {test-job: {}}\ncallbacks:\n  - {name: docs, url: " + r.URL + "/hook, secret: [{file: old}, {file: new}], events: [started, succeeded]}\n",
		filepath.Join(dir, "old"): "whsec_" + strings.Repeat("a", 32),
		filepath.Join(dir, "new"): secret + "\n",
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	s := startUp(t, data, "--config", config)
	if _, err := s.client().Run(t.Context(), "test-job", nil); err != nil {
		t.Fatal(err)
	}
	eventually.True(t, "both events were attempted", func() bool { return len(r.received()) >= 2 })
	if err := s.kill(); err != nil {
		t.Fatal(err)
	}
	r.answer(0)
	before := r.received()
	s = startUp(t, data, "--config", config)
	eventually.True(t, "both events are delivered", func() bool { return s.delivered(t) == 2 })
	ids := map[string]bool{}
	for _, e := range append(before, r.received()...) {
		ids[e.ID] = true
	}
	if len(ids) != 2 {
		t.Errorf("%d IDs of events, want the 2 from before the kill", len(ids))
	}
	all, err := s.client().Endpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 {
		t.Fatalf("endpoints = %+v, want one", all)
	}
	if all[0].Name != "docs" {
		t.Errorf("endpoint = %q, want docs", all[0].Name)
	}
	if all[0].State != runwith.EndpointOK {
		t.Errorf("state of the endpoint = %s, want ok", all[0].State)
	}
	if n, err := s.client().ReplayFailed(t.Context(), "docs"); n != 0 || err != nil {
		t.Errorf("ReplayFailed() = %d, %v, want 0", n, err)
	}
	// A replay sends the same event again.
	count := len(r.received())
	if _, err := s.client().Replay(t.Context(), before[0].ID); err != nil {
		t.Fatal(err)
	}
	eventually.True(t, "the replayed event arrives", func() bool { return len(r.received()) == count+1 })
	if again := r.received()[count]; again.ID != before[0].ID || !again.Timestamp.Equal(before[0].Timestamp) {
		t.Errorf("replayed event = %+v, want %+v", again, before[0])
	}
}

// delivered returns the number of delivered events.
func (s *server) delivered(t *testing.T) (n int) {
	t.Helper()
	for _, err := range s.client().Deliveries(t.Context(), &runwith.DeliveryOptions{State: runwith.DeliveryDelivered, PageSize: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// Faults of callbacks have their places in the file.
func TestCallbackFaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := filepath.Join(dir, "runwith.yaml")
	for name, content := range map[string]string{
		config: `jobs: {test-job: {}}
callbacks:
  - {name: a, url: "https://192.168.0.1/", secret: {file: good}}
  - {name: b, url: "https://b.example.com/", secret: {file: bad}}
`,
		filepath.Join(dir, "good"): "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		filepath.Join(dir, "bad"):  "canary",
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{config + ":4:", "callbacks[1].secret", "must be whsec_"} {
		_, err := openConfiguration(config, nil, slog.New(slog.DiscardHandler), func(*configfile.File) *principal.Principal { return nil })
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("openConfiguration() = %v, want an error with %q and without the secret", err, want)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "bad"), []byte("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openConfiguration(config, nil, slog.New(slog.DiscardHandler), func(*configfile.File) *principal.Principal { return nil }); err == nil || !strings.Contains(err.Error(), ":3:") || !strings.Contains(err.Error(), "--callback-allow opens it") {
		t.Errorf("openConfiguration() = %v, want an error about the private address", err)
	}
}
