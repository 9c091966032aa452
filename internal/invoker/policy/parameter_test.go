package policy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/policy"
)

// schemas are parameters that together use every keyword.
func schemas() []string {
	return []string{
		"{type: string}", "{type: string, enum: [a, b, \"1\"]}", "{type: string, pattern: ^a+$}", "{type: string, minLength: 2, maxLength: 3}",
		"{type: integer}", "{type: integer, minimum: 2, maximum: 5}", "{type: integer, exclusiveMinimum: 2, exclusiveMaximum: 5}",
		"{type: integer, multipleOf: 3}", "{type: integer, enum: [1, 2.0]}",
		"{type: number}", "{type: number, minimum: -0.5, maximum: 1e2}", "{type: number, multipleOf: 0.1}", "{type: number, multipleOf: 0.25, exclusiveMaximum: 0.75}",
		"{type: boolean}", "{type: boolean, enum: [true]}",
		"{type: string, format: date}", "{type: string, format: time}", "{type: string, format: date-time}", "{type: string, format: duration}",
		"{type: string, format: email}", "{type: string, format: hostname}", "{type: string, format: ipv4}", "{type: string, format: ipv6}",
		"{type: string, format: uri}", "{type: string, format: uuid}",
	}
}

// values are values of requests, as JSON.
func values() []string {
	return []string{
		`""`, `"a"`, `"aa"`, `"aaa"`, `"aaaa"`, `"b"`, `"1"`, `"üü"`, `"é"`, `true`, `false`, `null`, `{}`, `[]`, `[1]`,
		`0`, `-0`, `1`, `1.0`, `2`, `3`, `4.5`, `5`, `6`, `1e1`, `100`, `100.01`, `-0.5`, `-0.51`, `0.1`, `0.3`, `0.7`, `0.25`, `0.5`, `0.75`, `1.5`, `0.30000000000000004`,
		`"2026-02-28"`, `"2026-02-29"`, `"2024-02-29"`, `"2026-2-8"`, `"2026-02-28 "`, `"12:30:00Z"`, `"12:30:00"`, `"12:30:00.5+02:00"`, `"2:30:00Z"`, `"12:30:00,5Z"`,
		`"2026-02-28T12:30:00Z"`, `"2026-02-28t12:30:00z"`, `"2026-02-28T12:30:00"`, `"2026-02-28T25:30:00Z"`, `"P1D"`, `"P1DT12H"`, `"PT1H30M"`, `"P1W"`, `"P1WT1H"`, `"PT"`, `"P"`, `"PT1H1S"`, `"1h"`,
		`"a@example.com"`, `"A <a@example.com>"`, `"a@"`, `"@example.com"`, `"example.com"`, `"-a.com"`, `"a..com"`, `"a_b"`, `"127.0.0.1"`, `"127.0.0.256"`, `"127.1"`, `"::1"`, `"fe80::1%eth0"`, `"::ffff:127.0.0.1"`,
		`"https://example.com/a?b=c#d"`, `"/relative"`, `"https://exa mple.com"`, `"urn:a:b"`, `"https://example.com/ü"`, `"123e4567-e89b-12d3-a456-426614174000"`, `"123e4567e89b12d3a456426614174000"`,
	}
}

// TestParametersAgainstAnotherValidator checks that each value is valid here if and only if
// a validator of JSON Schema says so.
func TestParametersAgainstAnotherValidator(t *testing.T) {
	for _, schema := range schemas() {
		p, reference := both(t, schema)
		for _, value := range values() {
			compare(t, p, reference, schema, value)
		}
	}
}

// both compiles a parameter here and with the other validator, from the form that the API
// shows.
func both(t *testing.T, schema string) (*policy.Policy, *jsonschema.Schema) {
	t.Helper()
	p := compile(t, "jobs: {a: {parameters: {p: "+schema+"}, env: {P: 'value {p}'}}}")
	shown := p.Describe(docs(), "a", runwith.Job{}).Parameters["p"]
	property, err := json.Marshal(struct {
		runwith.Parameter
		Required bool `json:"required,omitempty"` // a list in JSON Schema
	}{Parameter: shown})
	form := []byte(`{"type":"object","required":["p"],"properties":{"p":` + string(property) + `}}`)
	if err != nil || !shown.Required {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("form.json", document); err != nil {
		t.Fatal(err)
	}
	return p, c.MustCompile("form.json")
}

func compare(t *testing.T, p *policy.Policy, reference *jsonschema.Schema, schema, value string) {
	t.Helper()
	var asked runwith.Request
	body := `{"parameters":{"p":` + value + `}}`
	if err := json.Unmarshal([]byte(body), &asked); err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(strings.NewReader(`{"p":` + value + `}`))
	if err != nil {
		t.Fatal(err)
	}
	_, got := p.Terms(docs(), "a", asked)
	switch value { // the other validator accepts these, against RFC 5321 and RFC 3986
	case `"@example.com"`, `"https://example.com/ü"`:
		return
	}
	if want := reference.Validate(instance); (got == nil) != (want == nil) {
		t.Errorf("%s: %s: error = %v, the other validator says %v", schema, value, got, want)
	}
}

// FuzzParameters checks that a value that is accepted arrives as it is, in one element and
// one variable, whatever it contains.
func FuzzParameters(f *testing.F) {
	p, err := compiled("jobs: {a: {parameters: {p: {type: string}, q: {type: string, optional: true}}, args: ['{p}', '--q={q}', 'last'], env: {P: '{p}{{p}}'}, concurrency: {key: '{p}', limit: 1}}}")
	if err != nil {
		f.Fatal(err)
	}
	for _, value := range []string{"", "a", "{p}", "{q}", "}}", "-", "--x=y", "a\nb", "\x00", "\xff", "$(x)", "'\"", strings.Repeat("x", 5000)} {
		f.Add(value, value)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		terms, err := p.Terms(docs(), "a", parameters("p", a, "q", b))
		if err != nil {
			if runwith.CodeOf(err) != runwith.InvalidArgument {
				t.Fatalf("error = %v, want INVALID_ARGUMENT", err)
			}
			return
		}
		if strings.ContainsFunc(a+b, unicode.IsControl) || strings.HasPrefix(a, "-") {
			t.Fatalf("%q and %q were accepted", a, b)
		}
		if got, want := fmt.Sprintf("%q", terms.Overrides.Args), fmt.Sprintf("%q", []string{a, "--q=" + b, "last"}); got != want {
			t.Errorf("args = %s, want %s", got, want)
		}
		if got := terms.Overrides.Env["P"]; got != a+"{p}" {
			t.Errorf("variable = %q, want %q", got, a+"{p}")
		}
	})
}

// TestPatternsTakeLinearTime starts the attack that takes other engines minutes.
func TestPatternsTakeLinearTime(t *testing.T) {
	p := compile(t, "jobs: {a: {parameters: {p: {type: string, pattern: '^(a+)+$'}}, env: {P: '{p}'}}}")
	if _, err := p.Terms(docs(), "a", parameters("p", strings.Repeat("a", 4000)+"!")); runwith.CodeOf(err) != runwith.InvalidArgument {
		t.Errorf("error = %v, want INVALID_ARGUMENT", err)
	}
}
