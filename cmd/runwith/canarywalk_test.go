package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/testneed"
)

// The values of a request, by the canary's name.
var requestValues = []string{"variable of a request", "argument of a request", "parameter of a request", "query of a request's callback"}

// The values of an event, by the canary's name.
const eventBody, eventHeader = "body of an event", "header of an event"

// The value of a parameter of schedules, by the canary's name.
const scheduleValue = "parameter of a schedule"

// TestCanaries runs whole servers with a canary in every secret place, does what callers and
// operators do, and searches everything that comes out.
func TestCanaries(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	needProcesses(t)
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			h := openHouse(t, format)
			id := h.invoke(t, starter)
			h.ended(t, id)
			h.findDelivery(t)
			h.refuseEvent(t)
			h.makeSchedule(t)
			callers := []string{starter, viewer, operator, valued, nobody, intruder}
			for _, caller := range callers {
				h.walk(t, caller, id)
				h.command(t, caller, id)
			}
			h.checkWorked(t)
			h.misuse(t)
			h.reload(t)
			h.operate(t)
			h.files(t, "environment of the job", filepath.Join(h.dir, "environment"))
			eventually.True(t, "spans arrive", func() bool { return h.seen("spans", "RunJob") && h.seen("spans", "delivery") })
			h.close(t)
			h.check(t, allowances())
		})
	}
}

// allowances are the places where secrets must be.
func allowances() []allowance {
	job := []string{"environment of the job", "fixed variable", "stderr of the job"}
	values := append([]string{"stderr of the job", eventBody, eventHeader, scheduleValue}, requestValues...)
	stored := append([]string{"fixed variable"}, values...)
	return []allowance{
		{"answers to valued", values, "the caller has the verb values"},
		{"commands of valued", values, "the caller has the verb values"},
		{"output shown to starter", []string{"stderr of the job"}, "the output of its own job"},
		{"output shown to viewer", []string{"stderr of the job"}, "the output of a job that it may view"},
		{"output shown to operator", []string{"stderr of the job"}, "the output of a job that it may view"},
		{"output shown to valued", append([]string{"stderr of the job"}, requestValues...), "the caller has the verb values"},
		{"environment of the job", append([]string{"environment of the job", "secret of the job", "fixed variable", scheduleValue}, requestValues[:3]...), "the job gets them"},
		{"URLs of callbacks", []string{"query of an endpoint", "query of a request's callback"}, "the receiver's own token"},
		{"headers of spans", []string{"header of spans"}, "the collector's own token"},
		{"data folder of serve", stored, "a request and its terms are stored until they are forgotten"},
		{"data folder of engine", append(append(job, scheduleValue), requestValues[:3]...), "the engine keeps jobs, executions and output"},
		{"backup", stored, "it is a copy of the data folder"},
	}
}

// checkWorked reports routes and commands that succeeded for no caller, because their answers
// were not tested. Some cannot succeed here: no invocation is unresolved, the job fails, the
// event stays refused, and refuseEvent calls the trigger.
func (h *house) checkWorked(t *testing.T) {
	t.Helper()
	for what, worked := range h.worked {
		if !worked && !strings.Contains(what, "resolve") && !strings.Contains(what, "events/{id}/retry") && !strings.Contains(what, "triggers/{name}") && !strings.HasPrefix(what, "events retry") && !strings.HasPrefix(what, "run canary --param") {
			t.Errorf("%s has worked for no caller", what)
		}
	}
}

// body is a request to start the job, with canaries.
func (h *house) body() string {
	return fmt.Sprintf(`{"parameters":{"tenant":"%s"},"env":{"LOG_LEVEL":"%s"},"args":["%s"],"callback":{"url":"%s/request?token=%s"}}`,
		h.plant(requestValues[2]), h.plant(requestValues[0]), h.plant(requestValues[1]), h.hook.URL, h.plant(requestValues[3]))
}

// invoke starts the job, waits for its end, and returns the invocation's ID.
func (h *house) invoke(t *testing.T, caller string) string {
	t.Helper()
	h.know("stderr of the job", "c4narystderrz") // in two halves in the job
	_, text := h.request(t, call{caller, "answers to " + caller, http.MethodPost, "/api/v1/jobs/canary/invocations", h.body()}, "Prefer", "wait=30")
	id := regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(text)
	if id == nil {
		t.Fatalf("the job does not start: %s", text)
	}
	return id[1]
}

// call is a request of a caller. The answer is recorded at the place.
type call struct{ caller, place, method, path, body string }

// request sends a request, records the answer, and returns it.
func (h *house) request(t *testing.T, c call, header ...string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), c.method, h.serve.url+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if credential := h.credentials[c.caller]; credential != "" {
		req.Header.Set("Authorization", "Bearer "+credential)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	h.see(c.place, fmt.Sprintf("%s %s: %d", c.method, c.path, res.StatusCode), fmt.Sprint(res.Header, "\n", string(answer)))
	return res.StatusCode, string(answer)
}

// walk calls every route of the OpenAPI document and those beside it.
func (h *house) walk(t *testing.T, caller, id string) {
	t.Helper()
	_, text := h.request(t, call{caller, "answers to " + caller, http.MethodGet, "/api/v1/openapi.json", ""})
	if caller == nobody || caller == intruder {
		_, text = h.request(t, call{valued, "answers to valued", http.MethodGet, "/api/v1/openapi.json", ""})
	}
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil || len(document.Paths) < 10 {
		t.Fatalf("OpenAPI document with %d paths: %v", len(document.Paths), err)
	}
	for path, operations := range document.Paths {
		for method := range operations {
			of := id
			switch {
			case strings.Contains(path, "deliveries"):
				of = h.delivery
			case strings.HasPrefix(path, "/api/v1/events"):
				of = h.event
			}
			name := url.PathEscape(h.hook.URL + "/hook")
			if strings.HasPrefix(path, "/api/v1/schedules") {
				name = h.scheduleFor(method)
			}
			full := strings.NewReplacer("{job}", "canary", "{id}", of, "{name}", name).Replace(path)
			if strings.Contains(full, "{") {
				t.Fatalf("%s has a parameter that the test does not know", path)
			}
			body, place := "", "answers to "+caller
			switch {
			case method == "post" && strings.HasSuffix(path, "/invocations"):
				body = h.body()
			case method == "put":
				body = h.scheduleBody()
			case strings.HasSuffix(path, "/invocations:batch"):
				body = `{"items":[` + h.body() + `]}`
			}
			if strings.HasSuffix(path, "/logs") {
				place = "output shown to " + caller
			}
			status, _ := h.request(t, call{caller, place, strings.ToUpper(method), full, body}, "Accept", "application/json")
			h.worked[method+" "+path] = h.worked[method+" "+path] || status < 400
		}
	}
	for _, path := range []string{"/", "/metrics", "/readyz", "/healthz", "/api/v1/nothing", "/api/v1/invocations?label=tenant%3Dacme"} {
		h.request(t, call{caller, "answers to " + caller, http.MethodGet, path, ""})
	}
	h.request(t, call{caller, "output shown to " + caller, http.MethodGet, "/api/v1/invocations/" + id + "/logs?follow=true", ""}, "Accept", "text/event-stream")
	if status, _ := h.request(t, call{caller, "answers to " + caller, http.MethodGet, "/api/v1/invocations/" + id, ""}); (status == http.StatusOK) != (caller != nobody && caller != intruder) {
		t.Errorf("status of the invocation for %s is %d", caller, status)
	}
}

// refuseEvent sends a signed event that the job cannot take, and keeps its ID. A value that is
// no tenant, a header and the identity of the event have canaries.
func (h *house) refuseEvent(t *testing.T) {
	t.Helper()
	body := fmt.Sprintf(`{"tenant":"%s!"}`, h.plant(eventBody))
	mac := hmac.New(sha256.New, []byte(h.canaries["secret of a webhook"]))
	mac.Write([]byte(body))
	_, text := h.request(t, call{nobody, "answers to sources", http.MethodPost, "/api/v1/triggers/pushed", body},
		"X-Hub-Signature-256", h.know("signature of a webhook", "sha256="+hex.EncodeToString(mac.Sum(nil))),
		"X-GitHub-Event", h.plant(eventHeader), "X-GitHub-Delivery", "1")
	id := regexp.MustCompile(`"event":"([^"]+)"`).FindStringSubmatch(text)
	if id == nil {
		t.Fatalf("the event is not refused: %s", text)
	}
	h.event = id[1]
}

// scheduleFor returns the name of the schedule that a method gets: that of the file cannot be
// changed.
func (h *house) scheduleFor(method string) string {
	if method == "put" || method == "delete" {
		return "made"
	}
	return "nightly"
}

// scheduleBody is a schedule with a canary.
func (h *house) scheduleBody() string {
	return fmt.Sprintf(`{"cron":"0 0 29 2 *","job":"canary","parameters":{"tenant":"%s"}}`, h.canaries[scheduleValue])
}

// makeSchedule makes a schedule over the API.
func (h *house) makeSchedule(t *testing.T) {
	t.Helper()
	if status, text := h.request(t, call{valued, "answers to valued", http.MethodPut, "/api/v1/schedules/made", h.scheduleBody()}); status >= 400 {
		t.Fatalf("the schedule is not made: %d %s", status, text)
	}
}

// findDelivery finds the ID of a delivery.
func (h *house) findDelivery(t *testing.T) {
	t.Helper()
	_, text := h.request(t, call{operator, "answers to operator", http.MethodGet, "/api/v1/callbacks/deliveries", ""})
	id := regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(text)
	if id == nil {
		t.Fatalf("there are no deliveries: %s", text)
	}
	h.delivery = id[1]
}

// misuse sends secrets in wrong places. No answer may repeat them.
func (h *house) misuse(t *testing.T) {
	t.Helper()
	key := h.credentials[starter]
	for _, path := range []string{"?key=" + key, "?access_token=" + h.credentials[viewer], "?nonsense=" + key, "?token=" + key} {
		h.request(t, call{nobody, "answers to misuse", http.MethodGet, "/api/v1/jobs" + path, ""})
		h.request(t, call{starter, "answers to misuse", http.MethodGet, "/api/v1/jobs" + path, ""})
	}
	for _, credential := range []string{"Basic " + key, key, "Bearer " + key + "x", "Bearer " + key + " " + key, "Bearer x" + h.credentials[viewer], "Bearer " + h.credentials[viewer] + "x"} {
		h.request(t, call{nobody, "answers to misuse", http.MethodGet, "/api/v1/jobs", ""}, "Authorization", credential)
	}
	value := h.plant("faulty value")
	for _, body := range []string{
		`{"parameters":{"tenant":["€"]}}`, `{"parameters":{"tenant":{"€":"€"}}}`, `{"parameters":{"tenant":"€!"}}`, `{"parameters":{"tenant":"-€"}}`,
		`{"parameters":{"tenant":"a","pages":"€"}}`, `{"parameters":"€"}`, `{"env":{"LOG_LEVEL":["€"]}}`, `{"env":{"OTHER":"€"}}`, `{"env":{"LOG_LEVEL":"€\u0000"}}`, `{"env":["€"]}`,
		`{"args":"€"}`, `{"args":[["€"]]}`, `{"args":["€\u0000"],"parameters":{"tenant":"a"}}`, `{"args":["€"`, `{"args":["€"],"args":["€"]}`, `{"args":["€\ud800"]}`, `"€"`, `€`,
		`{"taskCount":"€"}`, `{"timeout":"€"}`, `{"timeout":["€"]}`, `{"containers":[{"name":"a","env":{"LOG_LEVEL":"€"},"args":["€"]}],"parameters":{"tenant":"a"}}`,
		`{"labels":{"tenant":["€"]}}`, `{"labels":{"tenant":"€\n"},"parameters":{"tenant":"a"}}`, `{"callback":"€"}`, `{"callback":{"url":"€"}}`, `{"callback":{"url":["€"]}}`,
		`{"parameters":{"tenant":"a"},"callback":{"url":"https://user:€@127.0.0.1/"}}`, `{"parameters":{"tenant":"a"},"callback":{"url":"https://example.com/?€"}}`,
		`{"parameters":{"tenant":"a"},"callback":{"url":"https://127.0.0.1/#€"}}`, `{"parameters":{"tenant":"a"},"callback":{"url":"https://169.254.169.254/?€"}}`,
		`{"parameters":{"tenant":"a"},"callback":{"url":"https://127.0.0.1:€/"}}`,
	} {
		for _, caller := range []string{starter, valued} {
			if status, text := h.request(t, call{caller, "answers to misuse", http.MethodPost, "/api/v1/jobs/canary/invocations", strings.ReplaceAll(body, "€", value)}); status < 400 || status >= 500 {
				t.Errorf("%s with %s = %d %s, want a refusal", caller, body, status, text)
			}
		}
	}
}

// command runs the command lines of a caller.
func (h *house) command(t *testing.T, caller, id string) {
	t.Helper()
	endpoint := h.hook.URL + "/hook"
	for _, args := range [][]string{
		{"invocations", "list"}, {"invocations", "list", "--json"}, {"invocations", "describe", id}, {"invocations", "describe", id, "--json"}, {"invocations", "tasks", id}, {"invocations", "tasks", id, "--json"},
		{"invocations", "cancel", id}, {"invocations", "resolve", id, "--leave"}, {"logs", id}, {"logs", "-f", id},
		{"events", "list"}, {"events", "list", "--json"}, {"events", "show", h.event}, {"events", "show", h.event, "--json"}, {"events", "retry", h.event},
		{"schedules", "list"}, {"schedules", "list", "--json"}, {"schedules", "show", "nightly"}, {"schedules", "next", "nightly"},
		{"usage"}, {"usage", "--by", "label=tenant", "--csv"}, {"budgets"}, {"jobs", "estimate", "canary"},
		{"callbacks", "list"}, {"callbacks", "list", "--json"}, {"callbacks", "show", h.delivery}, {"callbacks", "show", h.delivery, "--json"}, {"callbacks", "replay", h.delivery},
		{"callbacks", "replay", "--endpoint", endpoint}, {"callbacks", "endpoints"}, {"callbacks", "endpoints", "--json"}, {"callbacks", "enable", endpoint},
		{"doctor", "--config", h.config, "--endpoint", h.engine.url, "--data", h.serve.data},
		{"doctor", "--json", "--config", h.config, "--endpoint", h.engine.url, "--data", h.serve.data},
		{"keys", "check", "--config", h.config}, {"config", "check", h.config, "--callback-allow", "127.0.0.0/8"}, {"config", "check", h.config, "--without-secrets", "--callback-allow", "127.0.0.0/8"}, {"config", "schema"}, {"init", "--help"},
		{"run", "canary", "--detach", "--param", "tenant=" + h.canaries[requestValues[2]], "--env", "LOG_LEVEL=" + h.canaries[requestValues[0]], "--", h.canaries[requestValues[1]]},
		{"run", "canary", "--param", "tenant=" + h.canaries[requestValues[2]], "--", h.canaries[requestValues[1]]},
		{"run", "canary", "--param", "tenant=" + h.canaries[requestValues[2]] + "!"},
	} {
		place := "commands of " + caller
		if args[0] == "logs" || args[0] == "run" && !slices.Contains(args, "--detach") {
			place = "output shown to " + caller
		}
		h.execute(t, caller, place, args)
	}
}

// execute runs a command line with the environment of a caller.
func (h *house) execute(t *testing.T, caller, place string, args []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "runwith", append(args, "--verbose")...)
	cmd.Env = append(cmd.Environ(), "RUNWITH_SERVER="+h.serve.url, "RUNWITH_API_KEY="+h.credentials[caller], "RUNWITH_CALLBACK_ALLOW=127.0.0.0/8", "HOOK_PRIVATE=whsk_"+h.canaries["private key of callbacks"])
	if caller == viewer { // a token is no API key; commands refuse it, and must not print it
		cmd.Env = append(cmd.Env, "RUNWITH_API_KEY="+h.credentials[viewer])
	}
	out, err := cmd.CombinedOutput()
	command := strings.Join(args, " ")
	h.worked[command] = h.worked[command] || err == nil
	h.see(place, "runwith "+strings.Join(args[:min(2, len(args))], " ")+fmt.Sprintf(": %v", err), string(out))
}

// reload gives serve configurations with secrets in wrong places.
func (h *house) reload(t *testing.T) {
	t.Helper()
	key, secret := h.credentials[starter], "whsec_"+h.canaries["secret of callbacks"]
	faulty := []string{
		"callers: {a: {apiKeys: [" + key + "]}}\n",
		"callers: {a: {apiKeys: [{id: abcdef, sha256: " + key + "}]}}\n",
		"callers: {a: {apiKeys: [{id: " + key + ", sha256: 00}]}}\n",
		"callers: {a: {apiKeys: {" + key + ": 1}}}\n",
		"callbacks: [{url: \"https://a.example.com/\", secret: " + secret + "}]\n",
		"callbacks: [{url: \"https://a.example.com/\", secret: {file: shared, inline: " + secret + "}}]\n",
		"callbacks: [{url: \"https://a.example.com/\", secret: [" + secret + "]}]\n",
		"callbacks: [{url: \"https://user:" + secret + "@a.example.com/\", secret: {file: shared}}]\n",
		"callbacks: [{url: \"https://a.example.com:bad/?token=" + secret + "\", secret: {file: shared}}]\n",
		"callbacks: [{url: \"https://a.example.com/?" + secret + "\", secret: {file: shared}}, {url: \"https://a.example.com/?x" + secret + "\", secret: {file: shared}}]\n",
		"requestCallbacks: {hosts: [\"https://" + secret + "@a.example.com\"], secret: {file: shared}}\n",
		"issuers: {a: \"https://user:" + secret + "@a.example.com\"}\n",
		"callers: {a: {oidc: {issuer: \"https://user:" + secret + "@a.example.com\", subject: a, audience: a}}}\n",
		"callers: {a: {oidc: {issuer: \"" + secret + " " + secret + "\", subject: a, audience: a}}}\n",
		"jobs: {canary: {env: {A: [" + secret + "]}}}\n",
		"jobs: {canary: {args: [{" + secret + ": 1}]}}\n",
		"jobs: {canary: {env: {A: \"" + secret + "{none}\"}}}\n",
		"jobs: [" + secret + "\n",
		"\"" + secret + "\n",
		secret + "\n",
	}
	for i, text := range faulty {
		path := h.file(t, fmt.Sprintf("faulty%d.yaml", i), text)
		h.execute(t, operator, "commands about faulty configurations", []string{"config", "check", path})
		h.execute(t, operator, "commands about faulty configurations", []string{"doctor", "--config", path, "--endpoint", h.engine.url, "--data", h.serve.data})
	}
	whole := h.file(t, "faulty-secret", "whsec_"+secret+"!!")
	h.file(t, "faulty.yaml", "callbacks: [{url: \"https://a.example.com/\", secret: {file: "+filepath.Base(whole)+"}}]\n")
	h.execute(t, operator, "commands about faulty configurations", []string{"config", "check", filepath.Join(h.dir, "faulty.yaml")})
	for _, text := range []string{faulty[4], faulty[9]} {
		replace(t, h.config, text)
		eventually.True(t, "serve reports the mistake", func() bool {
			_, text := h.request(t, call{operator, "answers to operator", http.MethodGet, "/readyz", ""})
			return strings.Contains(text, "notes")
		})
	}
	h.see("metrics", "--metrics-addr", get(t, h.metrics+"/metrics"))
	h.see("metrics", "--metrics-addr", get(t, h.metrics+"/readyz"))
}

// operate backs the data up and restores it.
func (h *house) operate(t *testing.T) {
	t.Helper()
	file := filepath.Join(h.dir, "backup", "serve.tar")
	h.file(t, "backup/.keep", "")
	h.execute(t, operator, "commands of operator", []string{"backup", file, "--data", h.serve.data})
	h.execute(t, operator, "commands of operator", []string{"restore", file, "--data", filepath.Join(h.dir, "restored")})
	h.execute(t, operator, "commands of operator", []string{"restore", file, "--data", filepath.Join(h.dir, "restored")})
	h.files(t, "backup", filepath.Join(h.dir, "restored"))
}
