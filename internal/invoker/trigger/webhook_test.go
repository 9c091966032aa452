package trigger

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/principal"
)

// launches keeps what triggers start, by key.
type launches map[string]invoker.Launch

func (all launches) Launch(_ context.Context, l invoker.Launch) (runwith.Invocation, bool, error) {
	_, repeats := all[l.Key]
	if !repeats {
		all[l.Key] = l
	}
	return runwith.Invocation{ID: "invocation of " + l.Key, Job: l.Job}, repeats, nil
}

func (all launches) Launched(_ context.Context, l invoker.Launch) (runwith.Invocation, bool, error) {
	_, found := all[l.Key]
	return runwith.Invocation{ID: "invocation of " + l.Key, Job: l.Job}, found, nil
}

// keeper keeps refused events.
type keeper []ledger.RefusedEvent

func (k *keeper) AddEvent(_ context.Context, e ledger.RefusedEvent) (ledger.RefusedEvent, int, error) {
	e.Seen = 1
	*k = append(*k, e)
	return e, 0, nil
}

// newHook serves the trigger hook of the job build, which has the parameter branch.
func newHook(t *testing.T, form string) (http.Handler, launches, *keeper) {
	t.Helper()
	return newHookWith(t, form, githubSecret)
}

func newHookWith(t *testing.T, form, secret string) (http.Handler, launches, *keeper) {
	t.Helper()
	f, err := configfile.Read("runwith.yaml", `jobs: {build: {parameters: {branch: {type: string}}, args: ["{branch}"]}}
triggers: {hook: {type: webhook, job: build, map: {branch: /data/ref}, secret: {env: SECRET}, `+form+`}}`,
		func(configfile.Secret) (string, error) { return secret, nil })
	if err != nil {
		t.Fatal(err)
	}
	started, kept := launches{}, &keeper{}
	hooks := New(Config{
		Starter: started, Events: kept,
		Authenticate: func(*http.Request) (principal.Principal, error) {
			t.Error("a signed webhook was asked for a credential")
			return principal.Principal{}, nil
		},
	})
	if err := hooks.Use(f); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(Pattern, hooks)
	return mux, started, kept
}

// post posts a body that is signed as GitHub signs, and returns the answer.
func post(t *testing.T, h http.Handler, body string, pairs ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/triggers/hook", strings.NewReader(body))
	r.Header = headers(append([]string{"Content-Type", "application/json", "X-Hub-Signature-256", "sha256=" + hex.EncodeToString(hmacOf(githubSecret, body))}, pairs...)...)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestGitHubWebhook(t *testing.T) {
	t.Parallel()
	h, started, kept := newHook(t, github)
	const push = `{"ref": "main"}`
	form := "payload=" + url.QueryEscape(push)
	for _, test := range []struct {
		name, body string
		header     []string
		status     int
		want       string
	}{
		{"push", push, []string{"X-GitHub-Delivery", "d-1", "X-GitHub-Event", "push"}, 202, `"outcome":"accepted","invocation":"invocation of d-1"`},
		{"redelivery", push, []string{"X-GitHub-Delivery", "d-1", "X-GitHub-Event", "push"}, 200, `"outcome":"repeated","invocation":"invocation of d-1"`},
		{"the same again", push, []string{"X-GitHub-Delivery", "d-2", "X-GitHub-Event", "push"}, 202, `"outcome":"accepted"`},
		{"ping", `{"zen": "Keep it logically awesome."}`, []string{"X-GitHub-Delivery", "d-3", "X-GitHub-Event", "ping"}, 200, `"outcome":"ignored"`},
		{"another form", `{"ref": null}`, []string{"X-GitHub-Delivery", "d-4", "X-GitHub-Event", "push"}, 200, `"outcome":"refused"`},
		{"no ID", push, []string{"X-GitHub-Event", "push"}, 200, "the event has no identity"},
		{"two IDs", push, []string{"X-GitHub-Delivery", "d-5", "X-GitHub-Delivery", "d-6"}, 400, "occurs more than once"},
		{"two signatures", push, []string{"X-GitHub-Delivery", "d-7", "X-Hub-Signature-256", githubGolden}, 400, "occurs more than once"},
		{"too large", `{"ref": "` + strings.Repeat("x", configfile.DefaultEvent) + `"}`, []string{"X-GitHub-Delivery", "d-8"}, 413, ""},
	} {
		if w := post(t, h, test.body, test.header...); w.Code != test.status || !strings.Contains(w.Body.String(), test.want) {
			t.Errorf("%s: %d %s, want %d and %s", test.name, w.Code, w.Body, test.status, test.want)
		}
	}
	if len(*kept) != 2 {
		t.Errorf("%d refused events, want 2: only what its sender has signed is stored", len(*kept))
	}

	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/triggers/hook", strings.NewReader(form))
	r.Header = headers("Content-Type", "application/x-www-form-urlencoded", "X-GitHub-Delivery", "d-9", "X-GitHub-Event", "push",
		"X-Hub-Signature-256", "sha256="+hex.EncodeToString(hmacOf(githubSecret, form)))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if got := started["d-9"].Asked.Parameters["branch"]; w.Code != http.StatusAccepted || got != "main" {
		t.Errorf("form: %d %s, branch %v, want main", w.Code, w.Body, got)
	}
	if len(started) != 3 {
		t.Errorf("%d starts, want 3", len(started))
	}
}

// A condition about the kind of event decides about pings too.
func TestPingOnRequest(t *testing.T) {
	t.Parallel()
	h, started, _ := newHook(t, github+`, when: {/event: [ping, push]}`)
	if w := post(t, h, `{"ref": "x"}`, "X-GitHub-Delivery", "d-1", "X-GitHub-Event", "ping"); w.Code != http.StatusAccepted || len(started) != 1 {
		t.Errorf("ping: %d %s, %d starts, want one", w.Code, w.Body, len(started))
	}
}

// A forger gets 401, whatever else is wrong, and leaves nothing behind.
func TestForger(t *testing.T) {
	t.Parallel()
	h, started, kept := newHook(t, github)
	for _, body := range []string{`{"ref": "main"}`, "", "{", "\xff"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/triggers/hook", strings.NewReader(body))
		r.Header = headers("X-Hub-Signature-256", githubGolden, "X-GitHub-Delivery", "d-1")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized || len(started)+len(*kept) > 0 {
			t.Errorf("body %q: %d %s, %d starts, %d events, want 401 alone", body, w.Code, w.Body, len(started), len(*kept))
		}
	}
}
