package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/invoker/auth"
	"github.com/runwith/runwith/internal/invoker/callback"
)

// house is an engine and a `serve` with a canary in each secret place.
type house struct {
	*cage
	dir         string
	config      string            // path of runwith.yaml
	credentials map[string]string // by caller; "nobody" has none
	engine      *server
	serve       *server
	metrics     string // URL of --metrics-addr
	hook        *httptest.Server
	collector   *httptest.Server
	delivery    string          // ID of a delivery
	event       string          // ID of a refused event
	worked      map[string]bool // routes and commands, and whether they have worked for any caller
}

// The callers of the house, and whether they may see values.
const (
	starter, viewer, operator, valued, nobody, intruder = "starter", "viewer", "operator", "valued", "nobody", "intruder"
)

const houseJob = `name: canary
template: {template: {maxRetries: 0, containers: [{image: x, command: [sh, -c,
  'env >>OUT; printf "%%s\n" "$@" >>OUT; half=c4nary; echo "${half}stderrz" >&2; exit 3', job],
  env: [{name: PLAIN, value: %s}, {name: SECRET, valueSource: {secretKeyRef: {secret: canary, version: "1"}}}]}]}}
`

const houseConfig = `issuers: {engine: "%s"}
callers:
  starter: {apiKeys: [{id: %s, sha256: %s}]}
  operator: {apiKeys: [{id: %s, sha256: %s}], grants: [view, operate]}
  valued: {apiKeys: [{id: %s, sha256: %s}], grants: [start, view, values, operate]}
  viewer: {oidc: {issuer: engine, claims: {email: 123456789012-compute@developer.gserviceaccount.com}, audience: [canary]}, grants: [view, cancel]}
jobs:
  canary:
    parameters: {tenant: {type: string, pattern: "^[a-z0-9]+$"}, pages: {type: integer, optional: true}}
    env: {TENANT: "{tenant}", PAGES: "{pages}", FIXED: %s}
    allow: {args: true, env: [LOG_LEVEL], maxTasks: 2, maxTimeout: 1h}
    grants: {starter: [start]}
triggers:
  pushed: {type: webhook, preset: github, job: canary, secret: {file: pushed}, map: {tenant: /data/tenant}}
schedules:
  nightly: {cron: "0 0 29 2 *", job: canary, parameters: {tenant: %s}}
callbacks:
  - {url: "%s/hook?token=%s", secret: [{file: shared}, {env: HOOK_PRIVATE}], events: [started, failed]}
requestCallbacks: {hosts: [127.0.0.1], secret: {file: shared}}
`

func openHouse(t *testing.T, format string) *house {
	t.Helper()
	h := &house{cage: newCage(), dir: t.TempDir(), credentials: map[string]string{nobody: ""}, worked: map[string]bool{}}
	h.hook = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.see("URLs of callbacks", "hook", r.URL.String())
		h.see("callbacks", r.URL.Path, content(t, r))
	}))
	t.Cleanup(h.hook.Close)
	h.collector = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.see("headers of spans", r.URL.Path, fmt.Sprint(r.Header))
		r.Header = nil
		h.see("spans", r.URL.Path, content(t, r))
	}))
	t.Cleanup(h.collector.Close)
	h.file(t, "secrets/canary/1", h.plant("secret of the job"))
	h.file(t, "job.yaml", strings.Replace(fmt.Sprintf(houseJob, h.plant("environment of the job")), "OUT", filepath.Join(h.dir, "environment"), 2))
	h.engine = h.start(t, nil, "engine", "--addr", "127.0.0.1:0", "--log-format", format, "--secrets", filepath.Join(h.dir, "secrets"), "--job", filepath.Join(h.dir, "job.yaml"))
	h.configure(t)
	h.serve = h.start(t, []string{
		"HOOK_PRIVATE=" + h.asymmetric(t), "OTEL_EXPORTER_OTLP_ENDPOINT=" + h.collector.URL, "OTEL_BSP_SCHEDULE_DELAY=50",
		"OTEL_EXPORTER_OTLP_HEADERS=x-token=" + h.plant("header of spans"),
	}, "serve", "--addr", "127.0.0.1:0", "--log-format", format, "--endpoint", h.engine.url, "--config", h.config,
		"--callback-allow", "127.0.0.0/8", "--metrics-addr", "127.0.0.1:0")
	address := regexp.MustCompile(`metrics are at (http://[0-9.:]+)`).FindStringSubmatch(h.serve.said())
	if address == nil {
		t.Fatalf("serve does not name the address of its metrics:\n%s", h.serve.said())
	}
	h.metrics = address[1]
	return h
}

// configure writes runwith.yaml and makes the credentials of its callers.
func (h *house) configure(t *testing.T) {
	t.Helper()
	keys := []any{h.engine.url}
	for _, caller := range []string{starter, operator, valued, intruder} {
		key := auth.NewKey()
		id, _ := auth.KeyID(key)
		h.credentials[caller] = key
		h.know("key of "+caller, strings.TrimPrefix(key, "rw_"+id+"_"))
		if caller != intruder {
			keys = append(keys, id, auth.HashKey(key))
		}
	}
	h.credentials[viewer] = h.identityToken(t)
	h.know("token of viewer", h.credentials[viewer][strings.LastIndexByte(h.credentials[viewer], '.')+1:])
	secret := callback.NewSecret()
	h.know("secret of callbacks", strings.TrimPrefix(secret, "whsec_"))
	h.file(t, "shared", secret)
	h.file(t, "pushed", h.plant("secret of a webhook"))
	text := fmt.Sprintf(houseConfig, append(keys, h.plant("fixed variable"), h.plant(scheduleValue), h.hook.URL, h.plant("query of an endpoint"))...)
	h.config = h.file(t, "runwith.yaml", text)
}

// asymmetric returns a private key that signs callbacks.
func (h *house) asymmetric(t *testing.T) string {
	t.Helper()
	out := shell{}.ok(t, "callbacks", "secret", "--asymmetric")
	secret := regexp.MustCompile(`whsk_\S+`).FindString(out)
	h.know("private key of callbacks", strings.TrimPrefix(secret, "whsk_"))
	return secret
}

func (h *house) file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// start starts a server that logs everything.
func (h *house) start(t *testing.T, variables []string, args ...string) *server {
	t.Helper()
	data := filepath.Join(h.dir, args[0])
	cmd := exec.Command("runwith", append(args, "--data", data, "--verbose")...)
	cmd.Env = append(os.Environ(), variables...)
	cmd.Stdout = lines(func(text string) { h.see("log of "+args[0], "stdout", text) })
	s, err := startServer(cmd, data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.process.Kill() })
	return s
}

// lines is a writer that passes each write to a function.
type lines func(string)

func (l lines) Write(p []byte) (int, error) { l(string(p)); return len(p), nil }

// identityToken returns an ID token of the engine's metadata server.
func (h *house) identityToken(t *testing.T) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.engine.url+"/computeMetadata/v1/instance/service-accounts/default/identity?audience=canary&format=full", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Metadata-Flavor", "Google")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	token, err := io.ReadAll(res.Body)
	if err != nil || bytes.Count(token, []byte(".")) != 2 {
		t.Fatalf("identity token = %q, %v", token, err)
	}
	return string(token)
}

// content returns the header and the body of a request.
func content(t *testing.T, r *http.Request) string {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	return fmt.Sprint(r.Header, "\n", string(body))
}

// close ends the servers and records the files that they leave.
func (h *house) close(t *testing.T) {
	t.Helper()
	for name, s := range map[string]*server{"serve": h.serve, "engine": h.engine} {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		h.see("log of "+name, "stderr", s.said())
		h.files(t, "data folder of "+name, s.data)
	}
}

// files looks at all files in a folder.
func (h *house) files(t *testing.T, place, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		h.see(place, path, string(text))
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// ended waits until the events of an invocation's end have come.
func (h *house) ended(t *testing.T, id string) {
	t.Helper()
	for _, path := range []string{"/hook", "/request"} {
		eventually.True(t, "the end of "+id+" reaches "+path, func() bool { return h.seen("callbacks", path, "invocation.failed", id) })
	}
}
