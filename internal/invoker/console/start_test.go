package console_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/invoker"
)

// Estimate costs one dollar for each task.
func (f *fake) Estimate(_ context.Context, q invoker.EstimateQuery) (runwith.JobEstimate, error) {
	tasks := max(1, q.Asked.TaskCount)
	return runwith.JobEstimate{Job: q.Job, Tasks: tasks, Attempts: 1, Timeout: "10m0s", Worst: runwith.Usage{USD: float64(tasks)}}, nil
}

const startConfig = `
callers:
  starter: {oidc: {issuer: google, subject: "1", audience: x}}
  knower: {oidc: {issuer: google, subject: "2", audience: x}}
  viewer: {oidc: {issuer: google, subject: "3", audience: x}}
jobs:
  reindex:
    parameters:
      tenant: {type: string, pattern: "^[a-z]+$"}
      depth: {type: integer, minimum: 1, maximum: 9, default: 3}
      mode: {type: string, enum: [fast, whole], default: fast}
      dry: {type: boolean, optional: true}
      since: {type: string, format: date, optional: true}
      note: {type: string, default: none}
    args: ["{tenant}", "{depth}", "{mode}", "{dry}", "{since}", "{note}"]
    allow: {env: [LEVEL, COLOUR], maxTasks: 5, maxTimeout: 1h}
    grants: {starter: [start, view], knower: [start, view, values], viewer: [view]}
  hidden: {}
`

// started are the requests that a test's invoker has accepted, with their keys. A key stands for
// its first request, as in a real one.
type started struct {
	requests []invoker.Request
	keys     map[string]string
}

func (s *started) invoke(q invoker.Request) (i runwith.Invocation, replayed bool, _ error) {
	asked, _ := json.Marshal(q.Asked)
	before, known := s.keys[q.Key]
	switch {
	case known && before == string(asked):
		return runwith.Invocation{ID: "before", Job: q.Job}, true, nil
	case known:
		return i, false, &runwith.Error{Code: runwith.AlreadyExists, Err: cause.KeyReused, Message: "the key was used"}
	}
	if s.keys == nil {
		s.keys = map[string]string{}
	}
	s.keys[q.Key] = string(asked)
	s.requests = append(s.requests, q)
	return runwith.Invocation{ID: "new", Job: q.Job}, false, nil
}

// openStart opens a console with two jobs, and what it has started.
func openStart(t *testing.T, config string) (site, *fake, *started) {
	t.Helper()
	began := &started{}
	f := &fake{invoke: began.invoke, list: []runwith.Job{
		{Name: "reindex", TaskCount: 1, Timeout: "10m0s", Containers: []runwith.Container{{Args: []string{"one", "two"}}}}, {Name: "hidden"},
		{Name: "pair", Containers: []runwith.Container{{Name: "main"}, {Name: "proxy"}}},
	}}
	return open(t, f, config), f, began
}

// fields returns the hidden fields that a form has, for a POST.
func (a answer) fields(t *testing.T, more ...string) []string {
	t.Helper()
	for _, name := range []string{"key", "seen", "rerun"} {
		if m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(a.body); m != nil {
			more = append(more, name, m[1])
		}
	}
	return append(more, "zone", "UTC")
}

// The form has a field for each parameter, of its kind, with its default and its limits.
func TestStartFormDrawsParameters(t *testing.T) {
	t.Parallel()
	s, _, _ := openStart(t, startConfig)
	page := s.as("starter").get(t, "/jobs/reindex/start").is(t, http.StatusOK)
	page.has(t, `<label for="p.tenant">`, "required", "must match", "^[a-z]&#43;$")
	page.has(t, `<select id="p.dry"`, `<option value="">Not set</option>`, `<option value="true">true</option>`)
	page.has(t, `id="p.depth"`, `inputmode="numeric" value="3"`, "whole number, at least 1, at most 9, default 3")
	page.has(t, `<select id="p.mode"`, `<option value="fast" selected>fast</option>`, `<option value="whole">`)
	page.has(t, `id="p.note"`, `value="none"`)
	page.has(t, `id="p.since"`, `type="date"`)
	page.has(t, "Variables", "<option>LEVEL</option>")
	page.has(t, `id="tasks"`, "At most 5.", `id="timeout"`, "At most 1h.")
	page.lacks(t, "Replace the job's arguments", `aria-invalid`)
	page.has(t, "Estimated cost", "$1.00", "Before it can start", "tenant", "is required")
}

// TestStartFaultsAreBounded sends a form with a mistake in each of many rows. Each fault is looked
// for at each row.
func TestStartFaultsAreBounded(t *testing.T) {
	t.Parallel()
	s, _, _ := openStart(t, startConfig)
	s = s.as("starter")
	sent := s.get(t, "/jobs/reindex/start").fields(t, "p.tenant", "acme")
	for range 5000 {
		sent = append(sent, "c0.env.value", "x")
	}
	page := s.post(t, "/jobs/reindex/start", sent...).is(t, http.StatusUnprocessableEntity)
	if n := strings.Count(page.body, `-fault"><`) + strings.Count(page.body, `<a href="#c0.env.`); n > 300 {
		t.Errorf("the page shows %d faults, want at most a hundred, each twice", n)
	}
}

// Without a configuration everything may be overridden, in each container.
func TestStartFormDrawsOverrides(t *testing.T) {
	t.Parallel()
	s, _, began := openStart(t, "")
	s.get(t, "/jobs/reindex/start").has(t, "Replace the job's arguments", "\none</textarea>", "\ntwo</textarea>", `placeholder="NAME"`).lacks(t, "Parameters</legend>")
	page := s.get(t, "/jobs/pair/start").has(t, "Container <code>main</code>", "Container <code>proxy</code>")
	s.post(t, "/jobs/pair/start", page.fields(t, "c1.replace", "1", "c1.arg.value", "a b", "c1.arg.value", "", "c1.env.name", "A", "c1.env.value", "x\r\ny")...).is(t, http.StatusSeeOther)
	want := runwith.Overrides{Containers: []runwith.ContainerOverride{{Name: "proxy", Args: []string{"a b"}, Env: map[string]string{"A": "x\ny"}}}}
	if diff := cmp.Diff(want, began.requests[0].Asked.Overrides); diff != "" {
		t.Errorf("overrides (-want +got):\n%s", diff)
	}
}

// Arguments stay the job's own until the visitor replaces them. Empty fields count if the visitor
// says so.
func TestStartArguments(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fields []string
		want   []string
	}{
		"the job's own":   {[]string{"c0.arg.value", "one"}, nil},
		"none":            {[]string{"c0.replace", "1", "c0.arg.value", ""}, []string{}},
		"without blanks":  {[]string{"c0.replace", "1", "c0.arg.value", "", "c0.arg.value", "a"}, []string{"a"}},
		"with blanks":     {[]string{"c0.replace", "1", "c0.blank", "1", "c0.arg.value", "", "c0.arg.value", "a"}, []string{"", "a"}},
		"spaces are kept": {[]string{"c0.replace", "1", "c0.arg.value", " a "}, []string{" a "}},
	} {
		s, _, began := openStart(t, "")
		page := s.get(t, "/jobs/reindex/start")
		s.post(t, "/jobs/reindex/start", page.fields(t, test.fields...)...).is(t, http.StatusSeeOther)
		if diff := cmp.Diff(test.want, began.requests[0].Asked.Overrides.Args); diff != "" {
			t.Errorf("%s: arguments (-want +got):\n%s", name, diff)
		}
	}
}

// A form becomes a request with values of the parameters' types, and the visitor goes to its
// invocation.
func TestStartSendsTheForm(t *testing.T) {
	t.Parallel()
	s, _, began := openStart(t, startConfig)
	s = s.as("starter")
	page := s.get(t, "/jobs/reindex/start")
	done := s.post(t, "/jobs/reindex/start", page.fields(t, "p.tenant", "acme", "p.depth", " 4 ", "p.mode", "whole", "p.dry", "true", "p.since", "", "p.note", "",
		"c0.env.name", "LEVEL", "c0.env.value", "", "c0.env.name", "", "c0.env.value", "", "tasks", "2", "timeout", "90s", "label.name", "team", "label.value", "search",
		"start-at", "2026-11-29T02:00")...).is(t, http.StatusSeeOther)
	if got := done.header.Get("Location"); got != "/invocations/new?done=start" {
		t.Errorf("the visitor goes to %s", got)
	}
	want := runwith.Request{
		Parameters: map[string]any{"tenant": "acme", "depth": json.Number("4"), "mode": "whole", "dry": true, "note": ""},
		Labels:     map[string]string{"team": "search"}, StartAt: time.Date(2026, 11, 29, 2, 0, 0, 0, time.UTC),
		Overrides: runwith.Overrides{Env: map[string]string{"LEVEL": ""}, TaskCount: 2, Timeout: 90 * time.Second},
	}
	if diff := cmp.Diff(want, began.requests[0].Asked); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if key := began.requests[0].Key; !strings.HasPrefix(key, "console-") {
		t.Errorf("key = %q, want that of the form", key)
	}
}

// A form starts a job once, however often it is sent. After a change it starts another one, once.
func TestStartOnceForEachContent(t *testing.T) {
	t.Parallel()
	s, _, began := openStart(t, startConfig)
	s = s.as("starter")
	page := s.get(t, "/jobs/reindex/start")
	for n, test := range []struct{ tenant, goes string }{
		{"acme", "/invocations/new?done=start"}, {"acme", "/invocations/before?done=start-before"},
		{"globex", "/invocations/new?done=start"}, {"globex", "/invocations/before?done=start-before"}, {"acme", "/invocations/before?done=start-before"},
	} {
		done := s.post(t, "/jobs/reindex/start", page.fields(t, "p.tenant", test.tenant, "p.note", "none")...)
		if got := done.header.Get("Location"); got != test.goes {
			t.Errorf("send %d of %s goes to %q, want %q", n, test.tenant, got, test.goes)
		}
	}
	if len(began.requests) != 2 {
		t.Errorf("%d jobs were started, want 2", len(began.requests))
	}
}

// Each fault stands at its field and in a list on top with links, and nothing typed is lost.
func TestStartFaultsStandAtTheirFields(t *testing.T) {
	t.Parallel()
	s, _, began := openStart(t, startConfig)
	s = s.as("starter")
	page := s.get(t, "/jobs/reindex/start")
	for field, test := range map[string]struct {
		fields []string
		fault  string
	}{
		"p.tenant":  {[]string{"p.tenant", "Ac <b>"}, "must match the pattern"},
		"p.depth":   {[]string{"p.depth", "10"}, "must be at most 9"},
		"p.mode":    {[]string{"p.mode", "slow"}, "must be one of fast, whole"},
		"p.since":   {[]string{"p.since", "soon"}, "must have the format date"},
		"tasks":     {[]string{"tasks", "6"}, "is more than job reindex allows"},
		"timeout":   {[]string{"timeout", "90"}, "must be a time in whole seconds"},
		"c0.env.1":  {[]string{"c0.env.name", "", "c0.env.value", "", "c0.env.name", "PATH", "c0.env.value", "/tmp"}, "must not be overridden"},
		"c0.env.0":  {[]string{"c0.env.name", "", "c0.env.value", "x"}, "the value needs a name"},
		"label.1":   {[]string{"label.name", "a", "label.value", "1", "label.name", "a", "label.value", "2"}, "occurs twice"},
		"start-at":  {[]string{"start-at", "tomorrow"}, "must be a date and a time"},
		"zone":      {[]string{"start-at", "2026-12-01T02:00", "zone", "Mars"}, "is no time zone"},
		"callback":  {[]string{"callback", "https://a.example"}, "sends no callbacks"},
		"p.unknown": {[]string{"p.unknown", "kept"}, "the job has no such parameter"},
	} {
		sent := append([]string{"p.note", "none"}, test.fields...)
		if field != "p.tenant" {
			sent = append(sent, "p.tenant", "acme")
		}
		got := s.post(t, "/jobs/reindex/start", page.fields(t, sent...)...)
		if got.status != http.StatusUnprocessableEntity && got.status != http.StatusForbidden {
			t.Errorf("%s: status %d", field, got.status)
		}
		got.has(t, `id="faults" role="alert"`, `<a href="#`+field+`">`, `id="`+field+`"`)
		got.has(t, `id="`+field+`-fault"`, test.fault)
		got.has(t, `aria-invalid="true"`)
		for _, value := range test.fields {
			if value != "" && !strings.Contains(got.body, strings.ReplaceAll(value, "<b>", "&lt;b&gt;")) {
				t.Errorf("%s: %q was lost", field, value)
			}
		}
	}
	if len(began.requests) != 0 {
		t.Errorf("%d jobs were started, want none", len(began.requests))
	}
	both := s.post(t, "/jobs/reindex/start", page.fields(t, "p.tenant", "BAD", "tasks", "6")...)
	both.has(t, `id="p.tenant-fault"`).has(t, `id="tasks-fault"`)
}

// A time that clocks skip is not one to start at.
func TestStartAtASkippedTime(t *testing.T) {
	t.Parallel()
	s, _, _ := openStart(t, "")
	fields := append(s.get(t, "/jobs/reindex/start").fields(t), "start-at", "2027-03-28T02:30")
	fields[len(fields)-3] = "Europe/Berlin" // instead of UTC
	s.post(t, "/jobs/reindex/start", fields...).is(t, http.StatusUnprocessableEntity).has(t, "does not exist in Europe/Berlin")
}

// A preview shows the request as JSON and for curl, and starts nothing. So do the buttons of lists.
func TestStartPreview(t *testing.T) {
	t.Parallel()
	s, _, began := openStart(t, "")
	page := s.get(t, "/jobs/reindex/start")
	const path = "/jobs/reindex/start/preview"
	typed := page.fields(t, "c0.replace", "1", "c0.arg.value", "it's", "c0.arg.value", "second", "tasks", "3")
	s.post(t, path, typed...).is(t, http.StatusOK).has(t, "$3.00", "3 tasks", `&#34;taskCount&#34;: 3`, "curl", "/api/v1/jobs/reindex/invocations")
	more := s.post(t, path, append(typed, "add", "c0.arg")...).is(t, http.StatusOK).has(t, `id="c0.arg.2"`)
	more.has(t, "it&#39;s</textarea>", "second</textarea>").lacks(t, `role="alert"`)
	s.post(t, path, append(typed, "remove", "c0.arg.0")...).has(t, "second</textarea>").lacks(t, "it&#39;s</textarea>")
	s.get(t, path).is(t, http.StatusOK)
	if len(began.requests) != 0 {
		t.Errorf("%d jobs were started by a preview", len(began.requests))
	}
}

// A link fills the form, and starts nothing.
func TestStartFromALink(t *testing.T) {
	t.Parallel()
	s, _, began := openStart(t, "")
	link := url.Values{"job": {"reindex"}, "args": {"a b", "--c"}, "env": {"LEVEL=debug=1"}, "label": {"team=search"}, "tasks": {"2"}}
	page := s.get(t, "/start?"+link.Encode()).is(t, http.StatusOK)
	page.has(t, `name="c0.replace" value="1" checked`, "\na b</textarea>", "\n--c</textarea>", `value="LEVEL"`, "\ndebug=1</textarea>")
	page.has(t, `name="tasks" value="2"`, `value="team"`)
	s.get(t, "/start?job=reindex&colour=red").has(t, "The link has colour, which this form does not know").lacks(t, "It does not start like this", "Before it can start")
	if len(began.requests) != 0 {
		t.Errorf("%d jobs were started by a link", len(began.requests))
	}
	configured, _, _ := openStart(t, startConfig)
	configured.as("starter").get(t, "/start?job=reindex&param=tenant%3Dacme&param=gone%3Dx").has(t, `name="p.tenant" type="text" value="acme"`).has(t, `name="p.gone"`, "no such parameter")
}

// The visitor chooses among the jobs that it may start, and gets no form for the others.
func TestStartChoosesAJob(t *testing.T) {
	t.Parallel()
	s, _, _ := openStart(t, startConfig)
	s.as("starter").get(t, "/start").is(t, http.StatusOK).has(t, `href="/jobs/reindex/start"`).lacks(t, "/jobs/hidden")
	s.as("viewer").get(t, "/start").is(t, http.StatusOK).has(t, "There is no job that you may start")
	s.as("viewer").get(t, "/jobs/reindex/start").is(t, http.StatusForbidden).has(t, "the verb start")
	for _, path := range []string{"/jobs/hidden/start", "/jobs/nothing/start"} {
		s.as("starter").get(t, path).is(t, http.StatusNotFound).has(t, "there is no job")
	}
}

// A form of an earlier configuration starts nothing at first, and says so. What was typed stays.
func TestStartOfAStaleForm(t *testing.T) {
	t.Parallel()
	s, f, began := openStart(t, "")
	typed := s.get(t, "/jobs/reindex/start").fields(t, "c0.replace", "1", "c0.arg.value", "typed")
	f.list[0].Containers = []runwith.Container{{Name: "main"}, {Name: "proxy"}}
	again := s.post(t, "/jobs/reindex/start", typed...).is(t, http.StatusConflict).has(t, "The job has changed since you opened this form", "typed</textarea>")
	s.post(t, "/jobs/reindex/start", again.fields(t, "c0.replace", "1", "c0.arg.value", "typed")...).is(t, http.StatusSeeOther)
	if len(began.requests) != 1 {
		t.Errorf("%d jobs were started, want 1", len(began.requests))
	}
	f.list = nil
	s.post(t, "/jobs/reindex/start", typed...).is(t, http.StatusNotFound).has(t, "cannot be started any more", "typed</textarea>").lacks(t, "data-start")
}

// rerunConsole has an invocation that may be run again.
func rerunConsole(t *testing.T) (site, *[]invoker.Rerun) {
	t.Helper()
	s, f, _ := openStart(t, startConfig)
	f.all = []runwith.Invocation{{ID: "first", Job: "reindex", State: runwith.StateFailed, Request: &runwith.Request{
		Parameters: map[string]any{"tenant": "acme", "dry": true}, Labels: map[string]string{"team": "search"},
		Overrides: runwith.Overrides{Env: map[string]string{"LEVEL": "c4nary"}, TaskCount: 2},
	}}}
	asked := &[]invoker.Rerun{}
	f.invoke = func(q invoker.Request) (runwith.Invocation, bool, error) {
		*asked = append(*asked, invoker.Rerun{ID: q.RerunOf, Key: q.Key, Changes: q.Asked})
		return runwith.Invocation{ID: "second", Job: q.Job}, false, nil
	}
	return s, asked
}

// The form of a rerun has the earlier request. Whatever the visitor removes is gone.
func TestRerunWithAnEdit(t *testing.T) {
	t.Parallel()
	s, asked := rerunConsole(t)
	s = s.as("knower")
	page := s.get(t, "/start?rerun=first").is(t, http.StatusOK).has(t, "Edit and run <bdi>reindex</bdi> again", `value="acme"`, `<option value="true" selected>`, "\nc4nary</textarea>", `name="tasks" value="2"`, "Run <bdi>reindex</bdi> again</button>")
	s.post(t, "/jobs/reindex/start", page.fields(t, "p.tenant", "globex", "p.note", "none")...).is(t, http.StatusSeeOther)
	want := runwith.Request{Parameters: map[string]any{"tenant": "globex", "note": "none"}}
	if diff := cmp.Diff(want, (*asked)[0].Changes); diff != "" || (*asked)[0].ID != "first" || (*asked)[0].Key == "" {
		t.Errorf("rerun of %s with key %q (-want +got):\n%s", (*asked)[0].ID, (*asked)[0].Key, diff)
	}
}

// Values that the visitor may not see stay as they are together, or are entered anew together.
func TestRerunWithHiddenValues(t *testing.T) {
	t.Parallel()
	s, asked := rerunConsole(t)
	s = s.as("starter")
	page := s.get(t, "/start?rerun=first").is(t, http.StatusOK).has(t, "You may not see its values", `value="***"`, "stays as it is").lacks(t, "c4nary", `value="acme"`)
	kept := []string{"p.tenant", "***", "p.dry", "***", "p.depth", "", "p.note", "", "c0.env.name", "LEVEL", "c0.env.value", "***"}
	s.post(t, "/jobs/reindex/start/preview", page.fields(t, kept...)...).has(t, "Hidden values stay as they are", "/api/v1/invocations/first:rerun").lacks(t, "c4nary")
	s.post(t, "/jobs/reindex/start", page.fields(t, append(kept, "tasks", "4")...)...).is(t, http.StatusSeeOther)
	want := runwith.Request{
		Parameters: map[string]any{"tenant": "acme", "dry": true}, Overrides: runwith.Overrides{Env: map[string]string{"LEVEL": "c4nary"}, TaskCount: 4},
	}
	if diff := cmp.Diff(want, (*asked)[0].Changes); diff != "" {
		t.Errorf("request with kept values (-want +got):\n%s", diff)
	}

	kept[1] = "globex"
	s.post(t, "/jobs/reindex/start", page.fields(t, kept...)...).is(t, http.StatusUnprocessableEntity).has(t, `id="p.dry-fault"`, "enter it too").has(t, `id="c0.env.0-fault"`).lacks(t, "c4nary")
	if len(*asked) != 1 {
		t.Errorf("%d reruns, want 1: some values were still hidden", len(*asked))
	}
	kept[3], kept[11] = "false", "info"
	s.post(t, "/jobs/reindex/start", page.fields(t, kept...)...).is(t, http.StatusSeeOther)
	if got := (*asked)[1].Changes.Overrides.Env["LEVEL"]; got != "info" {
		t.Errorf("LEVEL = %q, want what was entered", got)
	}
}

// What a visitor types is text in the page, whatever it is.
func TestStartShowsHostileText(t *testing.T) {
	t.Parallel()
	s, _, _ := openStart(t, "")
	page := s.get(t, "/jobs/reindex/start")
	const hostile = "</textarea><script>alert(1)</script>\u202e\x1b[31m'\""
	got := s.post(t, "/jobs/reindex/start/preview", page.fields(t, "c0.replace", "1", "c0.arg.value", hostile, "label.name", hostile, "callback", hostile, "p."+hostile, hostile)...)
	got.is(t, http.StatusOK).lacks(t, "<script>alert", "\u202e\x1b[31m'\"</pre>")
}
