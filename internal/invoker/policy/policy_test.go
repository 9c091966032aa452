package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/policy"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/overridetest"
	"github.com/runwith/runwith/internal/principal"
)

const sample = `
callers:
  docs: {oidc: {issuer: google, subject: "1", audience: x}, rate: 100/min}
  other: {oidc: {issuer: google, subject: "2", audience: x}}
jobs:
  plain: {}
  reindex:
    cloudRun: projects/acme/locations/us-east4/jobs/reindex-v2
    description: Indexes documents again.
    parameters:
      tenant: {type: string, pattern: "^[a-z0-9-]{1,32}$", description: Whose documents}
      since: {type: string, format: date, default: "2026-01-01"}
      size: {type: integer, minimum: 1, maximum: 10, optional: true}
      dry: {type: boolean, default: false}
      ratio: {type: number, optional: true, multipleOf: 0.1}
    args: ["--tenant={tenant}", "--since={since}", "--size={size}", "{{{tenant}}}"]
    env: {TENANT: "{tenant}", RATIO: "{ratio}", DRY: "{dry}", FIXED: here}
    allow: {env: [LOG_LEVEL], maxTasks: 10, maxTimeout: 1h}
    concurrency: {key: "{tenant}/{size}", limit: 2, overflow: replace}
    rate: 60/min
    callerRate: 10/min
    maxBody: 64KiB
    keep: 720h
    grants: {docs: [start, view]}
  words:
    parameters: {word: {type: string}, more: {type: string, optional: true}}
    args: ["{word}", "{more}"]
    allow: {}
  free:
    allow: {args: true}
`

func compile(t *testing.T, content string) *policy.Policy {
	t.Helper()
	p, err := compiled(content)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func compiled(content string) (*policy.Policy, error) {
	file, err := configfile.Read("f", content, nil)
	if err != nil {
		return nil, err
	}
	return policy.New(file, nil)
}

// docs is a configured caller.
func docs() principal.Principal { return principal.Principal{Name: "docs", Proof: "api-key"} }

func parameters(pairs ...any) runwith.Request {
	r := runwith.Request{Parameters: map[string]any{}}
	for i := 0; i < len(pairs); i += 2 {
		r.Parameters[pairs[i].(string)] = pairs[i+1]
	}
	return r
}

func TestTerms(t *testing.T) {
	p := compile(t, sample)
	asked := parameters("tenant", "acme", "ratio", 0.3)
	asked.Overrides = runwith.Overrides{Env: map[string]string{"LOG_LEVEL": "debug"}, TaskCount: 3, Timeout: time.Minute}
	got, err := p.Terms(docs(), "reindex", asked)
	if err != nil {
		t.Fatal(err)
	}
	want := invoker.Terms{
		Target: "projects/acme/locations/us-east4/jobs/reindex-v2",
		Overrides: runwith.Overrides{
			Args: []string{"--tenant=acme", "--since=2026-01-01", "{acme}"},
			Env: map[string]string{
				"TENANT": "acme", "RATIO": "0.3", "DRY": "false", "FIXED": "here", "LOG_LEVEL": "debug",
			},
			TaskCount: 3, Timeout: time.Minute,
		},
		Slot:    ledger.Slot{Key: `reindex/"acme"/-`, Limit: 2, Overflow: ledger.Replacing},
		Buckets: []ledger.RateLimit{{Name: "caller/docs", Quota: 100}, {Name: "caller/docs/reindex", Quota: 10}},
		Keep:    720 * time.Hour,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("terms (-want +got):\n%s", diff)
	}
	if len(asked.Overrides.Env) != 1 {
		t.Error("the request was changed")
	}
	if diff := cmp.Diff(map[string]ledger.Quota{"reindex": 60}, p.Rates()); diff != "" {
		t.Errorf("rates (-want +got):\n%s", diff)
	}
	for job, want := range map[string]int{"reindex": 64 << 10, "plain": 0} {
		if got := p.MaxBody(job); got != want {
			t.Errorf("largest body of %s = %d, want %d", job, got, want)
		}
	}
}

func TestTermsOfOthers(t *testing.T) {
	p := compile(t, sample)
	local, err := p.Terms(principal.LocalUser, "reindex", parameters("tenant", "acme"))
	if err != nil || local.Buckets != nil {
		t.Errorf("local user: buckets = %v, %v, want none", local.Buckets, err)
	}
	anonymous, err := p.Terms(principal.Principal{}, "reindex", parameters("tenant", "acme"))
	if diff := cmp.Diff([]ledger.RateLimit{{Name: "caller/anonymous/reindex", Quota: 10}}, anonymous.Buckets); diff != "" || err != nil {
		t.Errorf("anonymous: %v, buckets (-want +got):\n%s", err, diff)
	}
	var open *policy.Policy
	asked := runwith.Request{Overrides: runwith.Overrides{Args: []string{"a"}}, Labels: map[string]string{"a": "b"}}
	terms, err := open.Terms(principal.Principal{}, "anything", asked)
	if diff := cmp.Diff(invoker.Unrestricted(asked), terms); diff != "" || err != nil {
		t.Errorf("without a configuration: %v, terms (-want +got):\n%s", err, diff)
	}
}

// TestRefusedParameters checks that an answer has one entry for each field, by name, and
// never repeats a value.
func TestRefusedParameters(t *testing.T) {
	p := compile(t, sample)
	const secret = "s3cret"
	for name, test := range map[string]struct {
		job   string
		asked runwith.Request
		want  map[string]string // part of the text by field
	}{
		"missing":      {"reindex", parameters(), map[string]string{"tenant": "is required: Whose documents"}},
		"unknown":      {"reindex", parameters("tenant", "a", "tenat", "b"), map[string]string{"tenat": "did you mean tenant?"}},
		"several":      {"reindex", parameters("size", 11.0, "x", 1.0), map[string]string{"tenant": "is required", "size": "must be at most 10", "x": "is not a field"}},
		"number":       {"reindex", parameters("tenant", 5.0), map[string]string{"tenant": "must be a string"}},
		"object":       {"reindex", parameters("tenant", map[string]any{secret: 1}), map[string]string{"tenant": "must be a string"}},
		"null":         {"reindex", parameters("tenant", nil), map[string]string{"tenant": "must be a string"}},
		"text":         {"reindex", parameters("tenant", "a", "size", secret), map[string]string{"size": "must be a whole number"}},
		"fraction":     {"reindex", parameters("tenant", "a", "size", 1.5), map[string]string{"size": "must be a whole number"}},
		"huge":         {"reindex", parameters("tenant", "a", "size", 1e30), map[string]string{"size": "is too large"}},
		"multiple":     {"reindex", parameters("tenant", "a", "ratio", 0.25), map[string]string{"ratio": "must be a multiple of 0.1"}},
		"boolean":      {"reindex", parameters("tenant", "a", "dry", "true"), map[string]string{"dry": "must be true or false"}},
		"pattern":      {"reindex", parameters("tenant", "S3cret "+secret), map[string]string{"tenant": "must match the pattern"}},
		"format":       {"reindex", parameters("tenant", "a", "since", "2026-02-30"), map[string]string{"since": "must have the format date"}},
		"newline":      {"words", parameters("word", secret+"\n"), map[string]string{"word": "must not contain line breaks, NUL"}},
		"NUL":          {"words", parameters("word", secret+"\x00"), map[string]string{"word": "must not contain line breaks, NUL"}},
		"C1":           {"words", parameters("word", "\u0085"), map[string]string{"word": "must not contain line breaks, NUL"}},
		"not UTF-8":    {"words", parameters("word", "\xff"), map[string]string{"word": "must be UTF-8"}},
		"option":       {"words", parameters("word", "-"+secret), map[string]string{"word": "must not begin with -"}},
		"long option":  {"words", parameters("word", "a", "more", "--"+secret), map[string]string{"more": "must not begin with -"}},
		"long":         {"words", parameters("word", strings.Repeat("x", 4097)), map[string]string{"word": "must have at most 4096 characters"}},
		"unknown name": {"words", parameters("word", "a", "\x1b[2J", "x"), map[string]string{`"\x1b[2J"`: "is not a field"}},
		"no policy":    {"plain", parameters("word", "a"), map[string]string{"word": "is not a field"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.Terms(docs(), test.job, test.asked)
			if runwith.CodeOf(err) != runwith.InvalidArgument || cause.KindOf(err) != cause.Parameters {
				t.Fatalf("error = %v, want INVALID_ARGUMENT about parameters", err)
			}
			found := map[string]string{}
			for _, v := range jobspec.ViolationsOf(err) {
				field := strings.TrimPrefix(v.Path, "parameters.")
				if want := test.want[field]; want == "" || !strings.Contains(v.Text, want) {
					t.Errorf("%s: %s, want %q", v.Path, v.Text, want)
				}
				found[field] = v.Text
			}
			if len(found) != len(test.want) {
				t.Errorf("faults = %v, want %v", found, test.want)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error repeats a value: %v", err)
			}
		})
	}
}

func TestValuesThatAreNoOptions(t *testing.T) {
	p := compile(t, sample)
	got, err := p.Terms(docs(), "words", parameters("word", "", "more", "$(rm -rf /) `x` \"'{word}"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"", "$(rm -rf /) `x` \"'{word}"}, got.Overrides.Args); diff != "" {
		t.Errorf("args (-want +got):\n%s", diff)
	}
}

func TestForbiddenOverrides(t *testing.T) {
	p := compile(t, sample)
	for name, test := range map[string]struct {
		job  string
		o    runwith.Overrides
		want []string
	}{
		"everything": {"plain", runwith.Overrides{
			Args: []string{}, Env: map[string]string{"A": "s3cret", "LD_PRELOAD": "s3cret"}, TaskCount: 1, Timeout: time.Second,
			Containers: []runwith.ContainerOverride{{Name: "c", Args: []string{"s3cret"}, Env: map[string]string{"B": ""}}},
		}, []string{"args", "env.A", "env.LD_PRELOAD", "containers[0].args", "containers[0].env.B", "taskCount", "timeout"}},
		"too much":  {"reindex", runwith.Overrides{TaskCount: 11, Timeout: time.Hour + time.Second}, []string{"taskCount", "timeout"}},
		"other env": {"reindex", runwith.Overrides{Env: map[string]string{"LOG_LEVEL": "", "log_level": "", "LOG_LEVEL ": ""}}, []string{"env.LOG_LEVEL ", "env.log_level"}},
		"fixed env": {"reindex", runwith.Overrides{Env: map[string]string{"FIXED": "there"}}, []string{"env.FIXED"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.Terms(docs(), test.job, runwith.Request{Overrides: test.o})
			if runwith.CodeOf(err) != runwith.PermissionDenied {
				t.Fatalf("error = %v, want PERMISSION_DENIED", err)
			}
			var named []string
			for _, v := range jobspec.ViolationsOf(err) {
				named = append(named, v.Path)
			}
			if diff := cmp.Diff(test.want, named, cmpopts.SortSlices(strings.Compare)); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error repeats a value: %v", err)
			}
		})
	}
	if _, err := p.Terms(docs(), "free", runwith.Request{Overrides: runwith.Overrides{Args: []string{"-x"}}}); err != nil {
		t.Errorf("allowed args: %v", err)
	}
}

// TestNoOverrideIsAllowedByDefault asks for each field alone, of a job that allows nothing.
func TestNoOverrideIsAllowedByDefault(t *testing.T) {
	p := compile(t, sample)
	for _, c := range overridetest.Each(t) {
		_, err := p.Terms(docs(), "plain", runwith.Request{Overrides: c.After})
		if !c.Overrides() {
			if err != nil {
				t.Errorf("%s: error = %v, want none: it overrides nothing", c.Path, err)
			}
			continue
		}
		refused := jobspec.ViolationsOf(err)
		if runwith.CodeOf(err) != runwith.PermissionDenied || len(refused) != 1 || !strings.HasPrefix(refused[0].Path, c.Path) {
			t.Errorf("%s: error = %v, want PERMISSION_DENIED for this field", c.Path, err)
		}
	}
}

func TestRefusedRequests(t *testing.T) {
	p := compile(t, sample)
	var open *policy.Policy
	for name, test := range map[string]struct {
		policy *policy.Policy
		job    string
		asked  runwith.Request
		code   runwith.Code
		want   string
	}{
		"unknown job":        {p, "nightly", runwith.Request{}, runwith.NotFound, `there is no job "nightly"`},
		"parameters of none": {open, "plain", parameters("a", "b"), runwith.InvalidArgument, "parameters.a: is unknown: this server has no configuration"},
		"callback of none":   {p, "plain", runwith.Request{Callback: &runwith.Callback{URL: "https://a"}}, runwith.PermissionDenied, "callback.url: this server sends no callbacks"},
	} {
		if _, err := test.policy.Terms(docs(), test.job, test.asked); runwith.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error = %v, want %v: %s", name, err, test.code, test.want)
		}
	}
}

func (listeners) Hearers() []ledger.Hearer { return nil }

// listeners are subscribers that hear of everything, and refuse one URL.
type listeners struct{}

func (listeners) Subscribers(job string, labels map[string]string, c *runwith.Callback) ([]ledger.Subscriber, error) {
	if c != nil && c.URL == "https://refused" {
		return nil, runwith.Errorf(runwith.PermissionDenied, "callback.url: refused")
	}
	return []ledger.Subscriber{{Endpoint: job + " " + labels["a"]}}, nil
}

func TestSubscribers(t *testing.T) {
	file, err := configfile.Read("f", sample, nil)
	if err != nil {
		t.Fatal(err)
	}
	configured, err := policy.New(file, listeners{})
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*policy.Policy{"configured": configured, "open": policy.Open(listeners{})} {
		terms, err := p.Terms(docs(), "plain", runwith.Request{Labels: map[string]string{"a": "b"}})
		if diff := cmp.Diff([]ledger.Subscriber{{Endpoint: "plain b"}}, terms.Subscribers); diff != "" || err != nil {
			t.Errorf("%s: %v, subscribers (-want +got):\n%s", name, err, diff)
		}
		if _, err := p.Terms(docs(), "plain", runwith.Request{Callback: &runwith.Callback{URL: "https://refused"}}); runwith.CodeOf(err) != runwith.PermissionDenied {
			t.Errorf("%s: error = %v, want PERMISSION_DENIED", name, err)
		}
	}
}

// TestSlotsOfDifferentValues checks that no caller can take the slots of other values by
// moving a separator.
func TestSlotsOfDifferentValues(t *testing.T) {
	for _, key := range []string{"{x}-{y}", "{x}{y}", `{x}"a"{y}`} {
		p := compile(t, `
jobs:
  a:
    parameters: {x: {type: string, optional: true}, y: {type: string, optional: true}}
    concurrency: {key: '`+key+`', limit: 1}
    env: {X: "{x}"}
`)
		keys := map[string][]any{}
		for _, values := range [][]any{
			{"x", "a-b", "y", "c"}, {"x", "a", "y", "b-c"}, {"x", "a"}, {"y", "a"}, {}, {"x", "a", "y", ""}, {"x", "", "y", "a"},
			{"x", "-"}, {"y", "-"}, {"x", `a"-"`}, {"x", `a`, "y", `"`}, {"x", strings.Repeat("x", 300)}, {"x", strings.Repeat("x", 301)},
		} {
			terms, err := p.Terms(docs(), "a", parameters(values...))
			if err != nil {
				t.Fatal(err)
			}
			if other, taken := keys[terms.Slot.Key]; taken {
				t.Errorf("%s: %q has the key of %q", key, values, other)
			}
			if keys[terms.Slot.Key] = values; len(terms.Slot.Key) > 300 || !strings.HasPrefix(terms.Slot.Key, "a/") {
				t.Errorf("%s: key = %q", key, terms.Slot.Key)
			}
		}
	}
}

func TestFaultsOfFile(t *testing.T) {
	for content, want := range map[string]string{
		"args: [\"{tenant}\"]":                            "f:1:19: jobs.a.args[0]: {tenant} is not a parameter of the job",
		"args: [\"{b\"], parameters: {b: {type: string}}": "jobs.a.args[0]: has a { without {NAME}",
		"args: [\"b}\"]":                                  "jobs.a.args[0]: has a } without its {",
		"args: [\"{}\"]":                                  "jobs.a.args[0]: has a { without {NAME}",
		"args: [\"{tenat}\"], parameters: {tenant: {type: string}}":                              "{tenat} is not a parameter of the job, did you mean tenant?",
		"parameters: {b: {type: string}}":                                                        "f:1:25: jobs.a.parameters.b: has no effect",
		"env: {RUNWITH_X: a}":                                                                    "jobs.a.env.RUNWITH_X: RUNWITH_X is reserved",
		"env: {CLOUD_RUN_JOB: a}":                                                                "is reserved",
		"allow: {env: [RUNWITH_RECORD]}":                                                         "jobs.a.allow.env[0]: RUNWITH_RECORD is reserved",
		"env: {A: b}, allow: {env: [A]}":                                                         "jobs.a.allow.env[0]: A is set by the job's env",
		"args: [a], allow: {args: true}":                                                         "jobs.a.allow.args: a request's args would replace",
		"env: {A: '{b}'}, parameters: {b: {type: string, default: 5}}":                           "jobs.a.parameters.b.default: is not valid itself: it must be a string",
		"env: {A: '{b}'}, parameters: {b: {type: string, pattern: '^a$', default: b}}":           "jobs.a.parameters.b.default: is not valid itself: it must match",
		"env: {A: '{b}'}, parameters: {b: {type: integer, enum: [1, 1.5]}}":                      "jobs.a.parameters.b.enum[1]: is not valid itself: it must be a whole number",
		"env: {A: '{b}'}, parameters: {b: {type: integer, enum: [1, 1.0]}}":                      "jobs.a.parameters.b.enum[1]: occurs twice",
		"env: {A: '{b}'}, parameters: {b: {type: integer, enum: []}}":                            "jobs.a.parameters.b.enum: is empty",
		"env: {A: '{b}'}, parameters: {b: {type: integer, pattern: a}}":                          "jobs.a.parameters.b.pattern: applies to strings only",
		"env: {A: '{b}'}, parameters: {b: {type: string, minimum: 1}}":                           "jobs.a.parameters.b.minimum: applies to numbers only",
		"env: {A: '{b}'}, parameters: {b: {type: number, multipleOf: 0}}":                        "jobs.a.parameters.b.multipleOf: must be larger than 0",
		"env: {A: '{b}'}, parameters: {b: {type: string, minLength: 5, maxLength: 4}}":           "jobs.a.parameters.b.minLength: is larger than maxLength",
		"env: {A: '{b}'}, parameters: {b: {type: string, default: a, optional: true}}":           "jobs.a.parameters.b.optional: has no effect beside default",
		"args: ['{b}'], parameters: {b: {type: string, enum: [a, -v]}}":                          "jobs.a.parameters.b: has a value that begins with -",
		"args: ['{b}'], parameters: {b: {type: integer, default: -1}}":                           "jobs.a.parameters.b: has a value that begins with -",
		"concurrency: {key: '{b}', limit: 1}":                                                    "jobs.a.concurrency.key: {b} is not a parameter",
		"args: ['{x}'], env: {RUNWITH_A: '{y}'}, parameters: {z: {type: integer, minLength: 1}}": "jobs.a.env.RUNWITH_A: {y} is not a parameter",
	} {
		_, err := compiled("jobs: {a: {" + content + "}}")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error = %v, want %q", content, err, want)
		}
	}
}

func TestDescribe(t *testing.T) {
	p := compile(t, sample)
	got := p.Describe(docs(), "reindex", runwith.Job{Name: "reindex-v2", Resource: "r"})
	if got.Name != "reindex" || got.Resource != "r" || got.Description != "Indexes documents again." {
		t.Errorf("job = %+v", got)
	}
	if diff := cmp.Diff(&runwith.AllowedOverrides{Env: []string{"LOG_LEVEL"}, MaxTasks: 10, MaxTimeout: "1h0m0s"}, got.Overrides); diff != "" {
		t.Errorf("overrides (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"start", "view"}, got.Verbs); diff != "" {
		t.Errorf("verbs (-want +got):\n%s", diff)
	}
	for name, parameter := range got.Parameters {
		if parameter.Required != (name == "tenant") {
			t.Errorf("%s: required = %v", name, parameter.Required)
		}
	}
	if plain := p.Describe(docs(), "plain", runwith.Job{}); plain.Overrides == nil || len(plain.Parameters) != 0 {
		t.Errorf("plain job = %+v, want no parameters and no overrides", plain)
	}
	var open *policy.Policy
	if shown := open.Describe(principal.LocalUser, "x", runwith.Job{}); shown.Overrides != nil || shown.Parameters != nil || len(shown.Verbs) != 5 {
		t.Errorf("job without a configuration = %+v", shown)
	}
}
