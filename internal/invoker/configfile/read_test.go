package configfile_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/runwith/runwith/internal/invoker/configfile"
)

const whole = `
verify: signatures
issuers: {corp: "https://login.example.com"}
callers:
  docs-api:
    apiKeys: [{id: k7Qm2x, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, expires: 2027-06-30}]
    grants: [view]
    rate: 60/min
  deploys:
    oidc: {issuer: github, claims: {repository_id: "123456"}, audience: runwith}
jobs:
  thumbnails:
  reindex:
    cloudRun: projects/acme/locations/us-east4/jobs/reindex-v2
    parameters:
      tenant: {type: string, pattern: "^[a-z0-9-]{1,32}$", maxLength: 32}
      size: {type: number, enum: [1, 2.50, 10], default: 1, exclusiveMinimum: 0.5}
    args: ["--tenant={tenant}"]
    env: {TENANT: "{tenant}"}
    allow: {env: [LOG_LEVEL], maxTasks: 10, maxTimeout: 1h}
    concurrency: {key: "{tenant}", limit: 1, overflow: reject}
    rate: 60/min
    maxBody: 64KiB
    keep: 720h
    grants: {docs-api: [start, view], anonymous: [view]}
triggers:
  reindexed:
    type: pubsub
    job: reindex
    callers: [docs-api, anonymous]
    map: {tenant: /attributes/tenant, size: {pointer: /data/size, default: 2.50}}
    when: {/data/kind: [a, b], /data/done: true, /data/count: 1}
    key: /attributes/id
    refuse: nack
    maxBody: 16MiB
  thumbnail: {type: cloudevents, preset: storage, job: thumbnails, callers: [docs-api], key: [/bucket, /name]}
  pushed:
    type: webhook
    job: reindex
    secret: [{file: new}, {env: OLD}]
    map: {tenant: acme, size: {value: 1}}
    signature: {header: X-Signature, prefix: "sha256=", encoding: hex, signed: id.timestamp.body, idHeader: X-ID, timestampHeader: X-Time, tolerance: 10m}
callbacks:
  - url: https://docs.example.com/hooks
    secret: [{file: new}, {env: OLD}]
    events: [succeeded, invocation.failed]
    jobs: [reindex]
    labels: {tenant: acme}
requestCallbacks: {hosts: [api.example.com], secret: {file: new}}
`

// canary is a secret that no error may repeat.
const canary = "whsec_Q2FuYXJ5Q2FuYXJ5"

func resolve(s configfile.Secret) (string, error) {
	switch {
	case s.Env == "OLD":
		return "old secret", nil
	case s.File == "new":
		return canary + "\n", nil
	}
	return "", errors.New("there is no such secret")
}

func TestRead(t *testing.T) {
	f, err := configfile.Read("runwith.yaml", whole, resolve)
	if err != nil {
		t.Fatal(err)
	}
	ten := 32
	want := configfile.Job{
		CloudRun: "projects/acme/locations/us-east4/jobs/reindex-v2",
		Parameters: map[string]configfile.Parameter{
			"tenant": {Type: "string", Pattern: "^[a-z0-9-]{1,32}$", MaxLength: &ten},
			"size": {
				Type: "number", Enum: []any{json.Number("1"), json.Number("2.50"), json.Number("10")},
				Default: json.Number("1"), ExclusiveMinimum: "0.5",
			},
		},
		Args:        []string{"--tenant={tenant}"},
		Env:         map[string]string{"TENANT": "{tenant}"},
		Allow:       configfile.Allow{Env: []string{"LOG_LEVEL"}, MaxTasks: 10, MaxTimeout: configfile.Duration(time.Hour)},
		Concurrency: &configfile.Concurrency{Key: "{tenant}", Limit: 1, Overflow: "reject"},
		Rate:        60, MaxBody: 64 << 10, Keep: configfile.Duration(720 * time.Hour),
		Grants: map[string][]string{"docs-api": {"start", "view"}, "anonymous": {"view"}},
	}
	if diff := cmp.Diff(want, f.Jobs["reindex"], cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("job (-want +got):\n%s", diff)
	}
	if _, exists := f.Jobs["thumbnails"]; !exists {
		t.Error("a job without fields is missing")
	}
	if key := f.Callers["docs-api"].APIKeys[0]; key.ID != "k7Qm2x" || !key.Expires.Equal(time.Date(2027, 6, 30, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("API key = %+v", key)
	}
	if secrets := f.Callbacks[0].Secret; secrets[0].Value() != canary || secrets[1].Value() != "old secret" {
		t.Error("the secrets of the callback are wrong")
	}
	if audience := f.Callers["deploys"].OIDC[0].Audience; len(audience) != 1 || audience[0] != "runwith" {
		t.Errorf("audience = %q, want one", audience)
	}
	if shown := fmt.Sprintf("%v %+v %#v %v %q %x", f, *f, f, f.Callbacks, f.RequestCallbacks.Secret, f.RequestCallbacks.Secret); strings.Contains(shown, canary) {
		t.Error("a printed file shows a secret")
	}
	if shown, err := json.Marshal(f); err != nil || strings.Contains(string(shown), canary) {
		t.Errorf("a file as JSON shows a secret (%v)", err)
	}
}

func TestReadNothing(t *testing.T) {
	for _, content := range []string{"", "\n", "# only a comment\n", "{}", "callers:\njobs:\n"} {
		if f, err := configfile.Read("f", content, nil); err != nil || len(f.Jobs) > 0 {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestFaults(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"unknown field":        {"callbaks: []", "f:1:1: callbaks: is not a field of the file, did you mean callbacks? (its fields: verify, issuers, callers, jobs, schedules, triggers, budgets, callbacks, requestCallbacks)"},
		"unknown nested field": {"jobs:\n  a:\n    arg: []", "f:3:5: jobs.a.arg: is not a field of this object, did you mean args?"},
		"duplicate":            {"jobs: {}\njobs: {}", `f:2:1: the name "jobs" occurs a second time; the first is in line 1`},
		"duplicate job":        {"jobs:\n  a: {}\n  a: {}", `f:3:3: jobs: the name "a" occurs a second time`},
		"anchor":               {"jobs: &a\n  b: {}", "f:1:7: jobs: anchors and aliases are not supported"},
		"alias":                {"jobs:\n  a: {args: *x}", "f:2:13: jobs.a.args: anchors and aliases"},
		"merge":                {"jobs:\n  <<: {a: {}}", "f:2:3: jobs: the name must be plain text"},
		"tag":                  {"jobs: !!map {}", "f:1:7: jobs: tags and directives"},
		"second document":      {"jobs: {}\n---\njobs: {}", "f:3:1: is a second document"},
		"no mapping":           {"- a", "f:1:1: must be a mapping"},
		"malformed":            {"jobs: {a: [}", "f:1:12: malformed YAML"},
		"wrong type":           {"jobs: {a: {title: 5}}", "f:1:19: jobs.a.title: is a number and must be text: put it into quotes"},
		"empty element":        {"jobs: {a: {args: [~]}}", "f:1:19: jobs.a.args[0]: is empty"},
		"wrong word":           {"jobs: {a: {grants: {anonymous: [veiw]}}}", `f:1:33: jobs.a.grants.anonymous[0]: must be one of start, view, cancel, values, operate, not "veiw"; did you mean view?`},
		"wrong event":          {"requestCallbacks: {hosts: [a], secret: {file: new}, events: [done]}", "must be one of started, succeeded, failed, cancelled, refused, unresolved"},
		"wrong rate":           {"jobs: {a: {rate: 5/s}}", "f:1:18: jobs.a.rate: must be a number of times a minute, such as 60/min"},
		"rate as a number":     {"jobs: {a: {rate: 5}}", "f:1:18: jobs.a.rate: must be a number of times a minute, such as 60/min, not 5"},
		"time as a number":     {"jobs: {a: {keep: 90}}", "f:1:18: jobs.a.keep: must be a time such as 90s, 1h30m or 720h, not 90"},
		"= in a variable":      {"jobs: {a: {allow: {env: ['" + canary + "=1']}}}", "jobs.a.allow.env[0]: must be the name of an environment variable: printable ASCII without ="},
		"wrong budget event":   {"callbacks: [{url: https://a, secret: {file: new}, events: [budgets]}]", "must be one of started, succeeded, failed, cancelled, refused, unresolved, budget, not"},
		"digit in a variable":  {"callbacks: [{url: https://a, secret: {env: 1A}}]", "must be the name of an environment variable: letters, digits and _, no digit first"},
		"wrong duration":       {"jobs: {a: {keep: -1h}}", "f:1:18: jobs.a.keep: must be a time such as 90s"},
		"wrong size":           {"jobs: {a: {maxBody: 2MiB}}", "must be a size such as 64KiB, at most 1MiB"},
		"wrong number":         {"jobs: {a: {allow: {maxTasks: 0}}}", "f:1:30: jobs.a.allow.maxTasks: must be a whole number from 1 to 10000"},
		"wrong boolean":        {"jobs: {a: {allow: {args: yes}}}", "jobs.a.allow.args: must be true or false"},
		"wrong job name":       {"jobs: {A: {}}", "f:1:8: jobs: the name must be a job's name"},
		"wrong list":           {"callbacks: {}", "f:1:12: callbacks: must be a list"},
		"unknown caller":       {"callers: {docs: {apiKeys: [{id: a, sha256: " + strings.Repeat("a", 64) + "}]}}\njobs: {a: {grants: {doc: [start]}}}", "f:2:21: jobs.a.grants.doc: is not one of the callers; did you mean docs?"},
		"caller without proof": {"callers: {docs: {}}", "f:1:11: callers.docs: has neither apiKeys nor oidc, so nobody can be this caller; if you mean that, write apiKeys: []"},
		"anonymous caller":     {"callers: {anonymous: {}}", "callers.anonymous: means requests without a credential"},
		"oidc without match":   {"callers: {docs: {oidc: {issuer: google, audience: x}}}", "callers.docs.oidc: needs subject or claims"},
		"oidc for all":         {"callers: {docs: {oidc: {issuer: google, subject: x}}}", "callers.docs.oidc: audience is required"},
		"unknown issuer":       {"callers: {docs: {oidc: {issuer: gogle, subject: x, audience: y}}}", "f:1:33: callers.docs.oidc.issuer: must be google, github, iap, a name below issuers, or an https URL; did you mean google?"},
		"misspelt iap":         {"callers: {docs: {oidc: {issuer: iapp, subject: x, audience: y}}}", "callers.docs.oidc.issuer: must be google, github, iap, a name below issuers, or an https URL; did you mean iap?"},
		"other google":         {"issuers: {google: https://login.example.com}", "issuers.google: is built in, and cannot be changed: choose another name"},
		"other github":         {"issuers: {github: https://login.example.com}", "issuers.github: is built in, and cannot be changed: choose another name"},
		"other iap":            {"issuers: {iap: https://login.example.com}", "f:1:11: issuers.iap: is built in, and cannot be changed: choose another name"},
		"issuer by file":       {"issuers: {a: file:///etc/passwd}", "issuers.a: must be an https URL"},
		"issuer in the clear":  {"issuers: {a: http://login.example.com}", "issuers.a: must be an https URL"},
		"unknown job":          {"jobs: {a: {}}\ncallbacks: [{url: https://a, secret: {file: new}, jobs: [b]}]", "callbacks[0].jobs[0]: is not one of the jobs"},
		"no secret":            {"callbacks: [{url: https://a}]", "callbacks[0]: secret is required"},
		"inline secret":        {"callbacks: [{url: https://a, secret: " + canary + "}]", "f:1:38: callbacks[0].secret: must be {file: PATH} or {env: NAME}: a secret is never written into this file itself"},
		"secret as a name":     {"callbacks: [{url: https://a, secret: {" + canary + ": }}]", "callbacks[0].secret: has an unknown field (its fields: file, env)"},
		"secret as a variable": {"callbacks: [{url: https://a, secret: {env: " + canary + "=}}]", "callbacks[0].secret.env: must be the name of an environment variable"},
		"secret of nobody":     {"callbacks: [{url: https://a, secret: {env: " + canary + "}}]", "callbacks[0].secret: the secret cannot be read: there is no such secret"},
		"two secrets":          {"callbacks: [{url: https://a, secret: {env: A, file: b}}]", "callbacks[0].secret: must be either {file: PATH} or {env: NAME}"},
		"key instead of hash":  {"callers: {a: {apiKeys: [{id: a, sha256: " + canary + "}]}}", "callers.a.apiKeys[0].sha256: must be 64 hexadecimal digits in lower case; never write the key itself here"},
		"password of a host":   {"requestCallbacks: {hosts: ['https://u:" + canary + "@a'], secret: {file: new}}", "requestCallbacks.hosts[0]: must be a host in lower case"},
		"password of issuers":  {"issuers: {a: 'https://u:" + canary + "@a'}", "issuers.a: must be an https URL without user and fragment"},
		"password of issuer":   {"callers: {a: {oidc: {issuer: 'https://u:" + canary + "@a b', subject: s, audience: a}}}", "callers.a.oidc.issuer: must be google, github"},
		"password in a URL":    {"callbacks: [{url: 'https://u:" + canary + "@a', secret: {file: new}}]", "callbacks[0].url: must be an https URL without user and fragment"},
		"not UTF-8":            {"jobs: \xff", "f:1:1: the file is not UTF-8 text"},
		"too large":            {strings.Repeat("#", configfile.MaxFile+1), "f:1:1: the file is larger than 1 MiB"},
		"too deep":             {"jobs: " + strings.Repeat("[", 500_000), "f:1:31: is nested too deep"},
		"too deep in blocks":   {strings.Repeat("- ", 500_000), "is nested too deep"},
		"too deep by indent":   {indented(700), "jobs"},
		"bad pattern":          {"jobs: {a: {parameters: {b: {type: string, pattern: '('}}}}", "must be a regular expression (RE2 syntax)"},
		"long pattern":         {"jobs: {a: {parameters: {b: {type: string, pattern: " + strings.Repeat("a", 501) + "}}}}", "is longer than 500 characters"},
		"schema reference":     {"jobs: {a: {parameters: {b: {type: string, $ref: file:///etc/passwd}}}}", "jobs.a.parameters.b.$ref: is not a field of this object"},
		"schema composition":   {"jobs: {a: {parameters: {b: {type: string, allOf: []}}}}", "jobs.a.parameters.b.allOf: is not a field of this object"},
		"parameter object":     {"jobs: {a: {parameters: {b: {type: object}}}}", `must be one of string, integer, number, boolean, not "object"`},
		"large enum":           {"jobs: {a: {parameters: {b: {type: integer, enum: [" + strings.Repeat("1,", 201) + "1]}}}}", "jobs.a.parameters.b.enum: has 202 entries: at most 200 are allowed"},
		"large number":         {"jobs: {a: {parameters: {b: {type: integer, maximum: 1e999}}}}", "jobs.a.parameters.b.maximum: must be a number"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := configfile.Read("f", test.content, resolve)
			switch {
			case err == nil:
				t.Fatal("the file was accepted")
			case !strings.Contains(err.Error(), test.want):
				t.Errorf("error %.500q, want %q", err, test.want)
			case strings.Contains(err.Error(), canary):
				t.Error("the error repeats a secret")
			}
		})
	}
}

// indented returns mappings nested by indentation.
func indented(depth int) string {
	var b strings.Builder
	for i := range depth {
		fmt.Fprintf(&b, "%sjobs:\n", strings.Repeat(" ", i))
	}
	return b.String()
}

func TestAllFaultsAtOnce(t *testing.T) {
	_, err := configfile.Read("f", "verify: never\nissuers: {a: b}\njobs: {a: {rat: 1/min, keep: x}}\ncallers: {b: {apiKeys: [{}]}}\ncallbacks: [{url: https://a, secret: {file: b}, jobs: [c]}]", nil,
		func(f *configfile.File) error {
			c := f.Check()
			c.Addf("jobs.a", "is checked too")
			return c.Err()
		})
	faults, ok := errors.AsType[*configfile.FaultsError](err)
	if !ok {
		t.Fatalf("error %v, want Faults", err)
	}
	var lines []int
	for _, f := range faults.List {
		lines = append(lines, f.Line)
	}
	if diff := cmp.Diff([]int{1, 2, 3, 3, 3, 4, 4, 5}, lines); diff != "" {
		t.Errorf("lines of the faults (-want +got):\n%s\n%v", diff, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(whole)
	f.Add("jobs: {a: {args: [*x, &y z]}}")
	f.Add("? a\n: b")
	f.Add(strings.Repeat("[", 30))
	f.Fuzz(func(t *testing.T, content string) {
		file, err := configfile.Read("f", content, func(configfile.Secret) (string, error) { return canary, nil })
		if (file == nil) == (err == nil) {
			t.Fatalf("file = %v, error = %v", file, err)
		}
		if err != nil && strings.Contains(err.Error(), canary) && !strings.Contains(content, canary) {
			t.Error("the error shows a secret")
		}
	})
}
