package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
)

// worldConfig is a small company's file. The trigger refuses what has no customer, and one
// endpoint does not answer.
const worldConfig = `
jobs:
  reindex:
    title: Rebuild the search index
    description: Reads all documents of a customer, and writes the index anew.
    parameters:
      customer: {type: string, pattern: "^[a-z0-9-]{1,32}$", description: Whose documents}
      since: {type: string, format: date, default: "2026-01-01", description: Older documents stay as they are}
      mode: {type: string, enum: [fast, whole], default: fast}
    args: ["--customer={customer}", "--since={since}", "--mode={mode}"]
    allow: {env: [SLEEP, FAIL], maxTasks: 100, maxTimeout: 1h}
    concurrency: {key: "{customer}", limit: 1, overflow: queue}
  thumbnails:
    title: Make thumbnails
    parameters: {object: {type: string}}
    args: ["{object}"]
    allow: {env: [SLEEP, FAIL], maxTasks: 10000}
  import: {title: Import prices}
schedules:
  nightly: {cron: "0 2 * * *", zone: Europe/Berlin, job: reindex, parameters: {customer: acme}}
  weekly: {cron: "@weekly", job: thumbnails, parameters: {object: all}}
triggers:
  uploads: {type: webhook, preset: github, secret: {file: secret}, job: thumbnails, map: {object: /object}}
callbacks:
  - {name: billing, url: "ENDPOINT", secret: {file: callback}}
  - {name: archive, url: "http://127.0.0.1:1/", secret: {file: callback}, jobs: [thumbnails]}
budgets:
  - {name: all, monthly: {usd: 25}, overflow: queue}
`

// world is a server with something of everything that the console shows.
type world struct {
	*server

	succeeded, failed, running, queued, lost string // IDs of invocations
	refused                                  string // ID of an event
}

// startWorld starts a server on which something has happened.
func startWorld(t *testing.T) *world {
	t.Helper()
	w := &world{server: startUp(t, t.TempDir(), append(losing(), worldFlags(t)...)...)}
	w.lost = w.lose(t, "import", jobFile("import"))
	w.succeeded = w.start(t, "reindex", runwith.Request{Parameters: map[string]any{"customer": "acme", "mode": "whole"}, Labels: map[string]string{"customer": "acme"}})
	w.settle(t, w.succeeded)
	w.failed = w.start(t, "reindex", runwith.Request{Parameters: map[string]any{"customer": "globex"}, Overrides: runwith.Overrides{Env: map[string]string{"FAIL": "7"}}})
	w.settle(t, w.failed)
	for range 3 {
		w.settle(t, w.start(t, "thumbnails", runwith.Request{Parameters: map[string]any{"object": "<script>alert(1)</script> \u202ejpg"}, Overrides: runwith.Overrides{TaskCount: 5}}))
	}
	long := runwith.Overrides{Env: map[string]string{"SLEEP": "10m"}}
	w.running = w.start(t, "reindex", runwith.Request{Parameters: map[string]any{"customer": "initech"}, Overrides: long})
	w.queued = w.start(t, "reindex", runwith.Request{Parameters: map[string]any{"customer": "initech"}})
	eventually.True(t, "one runs and one waits", func() bool {
		return w.state(t, w.running) == runwith.StateRunning && w.state(t, w.queued) == runwith.StateQueued
	})
	w.refused = w.refuse(t)
	return w
}

// worldFlags writes the configuration of the world and returns the flags that use it.
func worldFlags(t *testing.T) []string {
	t.Helper()
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(receiver.Close)
	dir := t.TempDir()
	flags := []string{"--config", filepath.Join(dir, "runwith.yaml"), "--callback-allow", "127.0.0.0/8"}
	for name, content := range map[string]string{
		"runwith.yaml":    strings.ReplaceAll(worldConfig, "ENDPOINT", receiver.URL),
		"secret":          webhookSecret,
		"callback":        "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
		"reindex.yaml":    jobFile("reindex"),
		"thumbnails.yaml": jobFile("thumbnails"),
		"import.yaml":     jobFile("import"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".yaml") && name != "runwith.yaml" {
			flags = append(flags, "--job", filepath.Join(dir, name))
		}
	}
	return flags
}

// jobFile returns a job of the sample image, whose tasks are not tried again.
func jobFile(name string) string {
	return "name: " + name + "\ntemplate: {template: {maxRetries: 0, containers: [{image: test-job}]}}\n"
}

// start starts a job, and returns the ID of the invocation.
func (w *world) start(t *testing.T, job string, q runwith.Request) string {
	t.Helper()
	i, err := w.client().Start(t.Context(), job, rand.Text(), &q)
	if err != nil {
		t.Fatal(err)
	}
	return i.ID
}

// settle waits for the end of an invocation.
func (w *world) settle(t *testing.T, id string) {
	t.Helper()
	if _, err := w.client().Wait(t.Context(), id); err != nil {
		t.Fatal(err)
	}
}

func (w *world) state(t *testing.T, id string) runwith.State {
	t.Helper()
	i, err := w.client().Invocation(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return i.State
}

const webhookSecret = "ssssssssssssssssssssssssssssssss"

// refuse sends an event that the trigger cannot map, and returns its ID.
func (w *world) refuse(t *testing.T) string {
	t.Helper()
	const body = `{"action":"opened"}`
	mac := hmac.New(sha256.New, []byte(webhookSecret))
	mac.Write([]byte(body))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/api/v1/triggers/uploads", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "X-GitHub-Event": "issues", "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
		"X-Hub-Signature-256": "sha256=" + hex.EncodeToString(mac.Sum(nil)),
	} {
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	for e, err := range w.client().TriggerEvents(t.Context(), &runwith.TriggerEventOptions{Outcome: runwith.TriggerRefused}) {
		if err != nil {
			t.Fatal(err)
		}
		return e.ID
	}
	t.Fatalf("no event was refused: the trigger answered %s", response.Status)
	return ""
}

// pages are the paths of all pages of the console, by a name for each.
func (w *world) pages(t *testing.T) map[string]string {
	t.Helper()
	at := func(path string) string { return "/invocations/" + path }
	all := map[string]string{
		"overview": "/", "invocations": "/invocations", "jobs": "/jobs", "job": "/jobs/reindex", "schedules": "/schedules", "schedule": "/schedules/nightly",
		"events": "/events", "event": "/events/" + w.refused, "callbacks": "/callbacks", "usage": "/usage", "engine": "/engine", "missing": at("none"),
		"start": "/start", "start-job": "/jobs/reindex/start", "rerun": "/start?rerun=" + w.failed, "sign-in": "/console/sign-in",
		"succeeded": at(w.succeeded), "failed": at(w.failed), "running": at(w.running), "queued": at(w.queued), "unresolved": at(w.lost),
		"task": at(w.failed + "?task=0"), "logs": at(w.failed + "/logs"), "logs-plain": at(w.failed + "/logs?lines=500"),
		"filtered": "/invocations?state=failed&job=reindex", "by-caller": "/invocations?caller=schedule%2Fnightly", "by-time": "/invocations?after=2026-01-01&before=2099-01-01T00:00:00Z",
		"by-label": "/invocations?label=customer=acme", "nothing-fits": "/invocations?job=none", "wrong-filter": "/invocations?after=yesterday&size=3",
		"cancel": at(w.running + "/cancel"), "cancel-many": at("cancel?id=" + w.running + "&id=" + w.queued + "&id=" + w.failed), "cancel-none": at("cancel"),
		"rerun-many": at("rerun?id=" + w.succeeded + "&id=" + w.failed + "&id=" + w.lost), "retry": at(w.lost + "/resolve?decision=retry"), "leave": at(w.lost + "/resolve?decision=leave"),
		"by-day": "/usage?by=label&label=customer",
	}
	for d, err := range w.client().Deliveries(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		all["delivery"] = "/callbacks/" + d.ID
		break
	}
	return all
}
