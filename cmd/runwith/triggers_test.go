package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/invoker/auth"
)

// triggered is the answer of a trigger.
type triggered struct {
	status                      int
	header                      http.Header
	Outcome, Invocation, Detail string
}

// trigger sends an event. Headers are lines.
func (s *server) trigger(t *testing.T, name, body string, headers ...string) (got triggered) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/v1/triggers/"+name, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range headers {
		field, value, _ := strings.Cut(line, ": ")
		r.Header.Add(field, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got.status, got.header = response.StatusCode, response.Header
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return got
}

// entryOf returns the entry of a key in a configuration.
func entryOf(key string) string {
	id, _ := auth.KeyID(key)
	return fmt.Sprintf("{id: %s, sha256: %s}", id, auth.HashKey(key))
}

const triggersFile = `
callers:
  shop: {apiKeys: [KEY]}
  other: {apiKeys: [OTHER]}
jobs:
  test-job: {parameters: {bucket: {type: string}, size: {type: integer}}, args: ["{bucket}", "{size}"]}
triggers:
  uploads: {type: cloudevents, preset: storage, job: test-job, callers: [shop], map: {bucket: /bucket, size: /size}}
  orders: {type: pubsub, job: test-job, callers: [shop], map: {bucket: /attributes/bucket, size: {pointer: /data/size, default: 0}}}
`

const object = `{"bucket":"photos","name":"a.jpg","generation":"1712345678901234","size":"352541"}`

// uploaded returns the headers of an event of Cloud Storage.
func uploaded(id string, more ...string) []string {
	return append([]string{
		"Content-Type: application/json", "Ce-Specversion: 1.0", "Ce-Type: google.cloud.storage.object.v1.finalized",
		"Ce-Source: //storage.googleapis.com/projects/_/buckets/photos", "Ce-Id: " + id,
	}, more...)
}

// TestTriggers sends events to the real binary, also after a crash and a change of the file.
func TestTriggers(t *testing.T) {
	t.Parallel()
	needProcesses(t)
	config, data := filepath.Join(t.TempDir(), "runwith.yaml"), filepath.Join(t.TempDir(), "data")
	key, otherKey := auth.NewKey(), auth.NewKey()
	file := strings.NewReplacer("KEY", entryOf(key), "OTHER", entryOf(otherKey)).Replace(triggersFile)
	replace(t, config, file)
	s := startUp(t, data, "--config", config)

	first := s.trigger(t, "uploads", object, uploaded("1", "Authorization: Bearer "+key, "Idempotency-Key: of-somebody", "Prefer: wait=60", "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")...)
	if first.status != http.StatusAccepted || first.Outcome != "accepted" {
		t.Fatalf("first event = %+v", first)
	}
	i, err := s.client().Wait(t.Context(), first.Invocation)
	if err != nil {
		t.Fatal(err)
	}
	if i.State != "succeeded" {
		t.Errorf("state = %s, want succeeded", i.State)
	}
	if i.Caller != "trigger/uploads" {
		t.Errorf("caller = %s, want trigger/uploads", i.Caller)
	}
	if want := "photos#a.jpg#1712345678901234"; i.Source == nil || i.Source.Event != want {
		t.Errorf("source = %+v, want the event %s", i.Source, want)
	}
	if size := fmt.Sprint(i.Request.Parameters["size"]); size != "352541" {
		t.Errorf("size = %v, want the number in the event's text", size)
	}
	if page := s.trigger(t, "uploads", object, uploaded("1", "Origin: https://page.example")...); page.status != http.StatusForbidden {
		t.Errorf("event of a page = %+v, want 403", page)
	}
	if denied := s.trigger(t, "uploads", object, uploaded("1", "Authorization: Bearer "+otherKey)...); denied.status != http.StatusNotFound {
		t.Errorf("event of another caller = %+v, want 404", denied)
	}
	last := "x"
	if strings.HasSuffix(key, last) {
		last = "y"
	}
	if denied := s.trigger(t, "uploads", object, uploaded("1", "Authorization: Bearer "+key[:len(key)-1]+last)...); denied.status != http.StatusUnauthorized || denied.header.Get("WWW-Authenticate") == "" {
		t.Errorf("event with a wrong key = %+v, want 401 with a challenge", denied)
	}
	if refused := s.trigger(t, "orders", `{"message":{"messageId":"1"},"subscription":"s"}`, "Content-Type: application/json"); refused.status != http.StatusOK || refused.Outcome != "refused" || !strings.Contains(refused.Detail, "/attributes/bucket") {
		t.Errorf("event without its parameter = %+v, want it refused and acknowledged", refused)
	}

	if err := s.kill(); err != nil {
		t.Fatal(err)
	}
	s = startUp(t, data, "--config", config)
	if again := s.trigger(t, "uploads", object, uploaded("2")...); again.status != http.StatusOK || again.Outcome != "repeated" || again.Invocation != first.Invocation {
		t.Errorf("the event after a crash = %+v, want the invocation %s", again, first.Invocation)
	}
	metrics := get(t, s.url+"/metrics")
	if want := `runwith_trigger_events_total{outcome="repeated",trigger="uploads"} 1`; !strings.Contains(metrics, want) {
		t.Errorf("metrics have no %s", want)
	}

	replace(t, config, strings.Replace(file, "  uploads:", "  renamed:", 1))
	eventually.True(t, "the old trigger ends", func() bool { return s.trigger(t, "uploads", object, uploaded("3")...).status == http.StatusNotFound })
	if got := s.trigger(t, "renamed", object, uploaded("3")...); got.Outcome != "accepted" {
		t.Errorf("event of the new trigger = %+v, want accepted", got)
	}
}
