package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
)

const hookSecret = "It's a Secret to Everybody"

// deliver sends an event to the trigger hook as GitHub does, and returns the outcome.
func (s *server) deliver(t *testing.T, id, body string) string {
	t.Helper()
	mac := hmac.New(sha256.New, []byte(hookSecret))
	mac.Write([]byte(body))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/v1/triggers/hook", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "X-GitHub-Event": "push", "X-GitHub-Delivery": id, "X-Hub-Signature-256": "sha256=" + hex.EncodeToString(mac.Sum(nil)),
	} {
		r.Header.Set(name, value)
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	var answer struct{ Outcome string }
	if err := json.NewDecoder(w.Body).Decode(&answer); err != nil || w.StatusCode/100 != 2 {
		t.Errorf("event %s: %s, %v", id, w.Status, err)
	}
	return answer.Outcome
}

// events runs `runwith events`, and returns its output and whether it succeeded.
func (s *server) events(t *testing.T, args ...string) (out string, ok bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "runwith", append([]string{"events"}, args...)...)
	cmd.Env = append(os.Environ(), "RUNWITH_SERVER="+s.url)
	text, err := cmd.CombinedOutput()
	return string(text), err == nil
}

// The configuration is wrong when events arrive, and the server is killed. They are retried
// once the configuration is right, and each starts one execution.
func TestRefusedEvents(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := filepath.Join(dir, "runwith.yaml")
	write := func(pattern string) {
		for name, content := range map[string]string{
			filepath.Join(dir, "secret"): hookSecret + "\n",
			config: `jobs: {test-job: {parameters: {name: {type: string, pattern: "` + pattern + `"}}, args: ["{name}"]}}
triggers: {hook: {type: webhook, preset: github, job: test-job, secret: {file: secret}, map: {name: /data/ref}}}
`,
		} {
			if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("^[a-z]+$")
	data := filepath.Join(dir, "data")
	s := startUp(t, data, "--config", config)
	for _, e := range []struct{ id, body, want string }{
		{"1", `{"ref": "main"}`, "accepted"}, {"2", `{"ref": "CANARY"}`, "refused"}, {"3", `{"ref": "MAIN"}`, "refused"}, {"3", `{"ref": "MAIN"}`, "refused"}, {"4", `{}`, "refused"},
	} {
		if got := s.deliver(t, e.id, e.body); got != e.want {
			t.Errorf("event %s was %s, want %s", e.id, got, e.want)
		}
	}
	if err := s.kill(); err != nil {
		t.Fatal(err)
	}
	s = startUp(t, data, "--config", config)
	out, ok := s.events(t, "list", "--outcome", "refused")
	if !ok {
		t.Errorf("events list failed:\n%s", out)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 4 {
		t.Fatalf("events list has %d lines, want a heading and three events:\n%s", len(lines), out)
	}
	for _, want := range []string{" 3 ", " 2 ", "parameters.name: must match"} {
		if !strings.Contains(lines[2], want) {
			t.Errorf("second event = %q, want %q in it", lines[2], want)
		}
	}
	if strings.Contains(out+s.said(), "CANARY") {
		t.Error("a list or the log shows a value of an event")
	}
	if out, ok := s.events(t, "retry", "--all", "--trigger", "hook"); ok || !strings.Contains(out, "3 events are still refused") {
		t.Errorf("retry before the change = %v\n%s", ok, out)
	}
	write("^[a-zA-Z]+$")
	eventually.True(t, "the new configuration is in use", func() bool {
		out, ok := s.events(t, "retry", "--all", "--trigger", "hook")
		return !ok && strings.Contains(out, "1 event is still refused")
	})
	var started []string
	for e, err := range s.client().TriggerEvents(t.Context(), &runwith.TriggerEventOptions{Outcome: runwith.TriggerAccepted}) {
		if err != nil {
			t.Fatal(err)
		}
		started = append(started, e.Event)
		if out, ok := s.events(t, "retry", e.ID); !ok || !strings.Contains(out, "has started invocation "+e.Invocation) {
			t.Errorf("retry of an accepted event = %v\n%s", ok, out)
		}
	}
	if got := strings.Join(started, " "); got != "3 2 1" && got != "2 3 1" {
		t.Errorf("accepted events = %s, want 1, 2 and 3 once", got)
	}
	if got := s.deliver(t, "2", `{"ref": "CANARY"}`); got != "repeated" {
		t.Errorf("a retried event that arrives again was %s, want repeated", got)
	}
	for _, args := range [][]string{{"retry"}, {"retry", "--all"}, {"retry", "x", "--all"}, {"retry", "x", "--trigger", "hook"}, {"list", "--limit", "0"}, {"show"}, {"show", "none"}} {
		if out, ok := s.events(t, args...); ok || !strings.HasPrefix(out, "runwith: ") {
			t.Errorf("events %q = %v\n%s", args, ok, out)
		}
	}
	if out, ok := s.events(t, "retry", "--all", "--trigger", "hok"); ok || !strings.Contains(out, "trigger hok has no events: check the name") {
		t.Errorf("retry of the events of an unknown trigger = %v\n%s", ok, out)
	}
	refused, err := collectSome(s.client().TriggerEvents(t.Context(), &runwith.TriggerEventOptions{Outcome: runwith.TriggerRefused}), 2)
	if err != nil || len(refused) != 1 {
		t.Fatalf("refused events = %+v, %v, want one", refused, err)
	}
	if out, ok := s.events(t, "show", refused[0].ID); !ok || !strings.Contains(out, "INVALID_ARGUMENT: map.name") || !strings.Contains(out, "Body               {}") {
		t.Errorf("events show = %v\n%s", ok, out)
	}
}
