package configfile_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/runwith/runwith/internal/invoker/configfile"
)

// schema returns the compiled schema of the file. Compiling validates it against the schema
// of JSON Schema 2020-12.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := configfile.Schema()
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(configfile.SchemaID, document); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile(configfile.SchemaID)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// validate validates a file as an editor would.
func validate(t *testing.T, schema *jsonschema.Schema, content string) error {
	t.Helper()
	text, err := yaml.YAMLToJSON([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(instance)
}

func TestSchemaAcceptsWhatReadAccepts(t *testing.T) {
	s := schema(t)
	for name, content := range map[string]string{"whole": whole, "empty": "{}", "nothing in it": "callers:\njobs:\n  a:\n  b: {grants: }\n", "starter": configfile.Starter,
		"variables as on Cloud Run": "jobs: {a: {env: {1A: x, b.c: y}, allow: {env: [2A, 'd.e']}}}"} {
		if _, err := configfile.Read("f", content, resolve); err != nil {
			t.Errorf("%s: read: %v", name, err)
		}
		if strings.TrimSpace(content) == "" {
			continue
		}
		if err := validate(t, s, content); err != nil {
			t.Errorf("%s: schema: %v", name, err)
		}
	}
}

// TestSchemaRefusesWhatReadRefuses compares both about mistakes in single fields.
func TestSchemaRefusesWhatReadRefuses(t *testing.T) {
	s := schema(t)
	for name, content := range map[string]string{
		"unknown field":        "callbaks: []",
		"unknown in a job":     "jobs: {a: {arg: []}}",
		"schema reference":     "jobs: {a: {parameters: {b: {type: string, $ref: x}}}}",
		"wrong type":           "jobs: {a: {title: 5}}",
		"empty text":           "jobs: {a: {title: }}",
		"empty rate":           "jobs: {a: {rate: }}",
		"empty element":        "jobs: {a: {args: [~]}}",
		"wrong word":           "jobs: {a: {grants: {anonymous: [veiw]}}}",
		"wrong rate":           "jobs: {a: {rate: 5/s}}",
		"wrong duration":       "jobs: {a: {keep: -1h}}",
		"wrong size":           "jobs: {a: {maxBody: 2GiB}}",
		"no tasks":             "jobs: {a: {allow: {maxTasks: 0}}}",
		"broken tasks":         "jobs: {a: {allow: {maxTasks: 1.5}}}",
		"wrong boolean":        "jobs: {a: {allow: {args: yes}}}",
		"wrong name":           "jobs: {A: {}}",
		"long name":            "jobs: {" + strings.Repeat("a", 64) + ": {}}",
		"wrong list":           "callbacks: {}",
		"no limit":             "jobs: {a: {concurrency: {key: x}}}",
		"empty concurrency":    "jobs: {a: {concurrency: }}",
		"no secret":            "callbacks: [{url: https://a}]",
		"inline secret":        "callbacks: [{url: https://a, secret: x}]",
		"two secrets":          "callbacks: [{url: https://a, secret: {env: A, file: b}}]",
		"secret of nothing":    "callbacks: [{url: https://a, secret: {}}]",
		"no secrets":           "callbacks: [{url: https://a, secret: []}]",
		"issuer by file":       "issuers: {a: file:///etc/passwd}",
		"key and not a hash":   "callers: {a: {apiKeys: [{id: a, sha256: x}]}}",
		"wrong expiry":         "callers: {a: {apiKeys: [{id: a, sha256: " + strings.Repeat("a", 64) + ", expires: soon}]}}",
		"large enum":           "jobs: {a: {parameters: {b: {type: integer, enum: [" + strings.Repeat("1,", 201) + "1]}}}}",
		"trigger without type": "triggers: {a: {job: b, callers: [c]}}",
		"empty mapping list":   "triggers: {a: {type: pubsub, job: b, callers: [c], map: {d: []}}}",
		"wrong pointer":        "triggers: {a: {type: pubsub, job: b, callers: [c], key: data}}",
		"wrong trigger name":   "triggers: {A: {}}",
		"schedule, no cron":    "jobs: {b: {}}\nschedules: {a: {job: b}}",
		"long catch-up":        "schedules: {a: {cron: '@daily', job: b, catchUp: 5}}",
		"wrong overlap":        "schedules: {a: {cron: '@daily', job: b, overlap: reject}}",
		"wrong zone":           "schedules: {a: {cron: '@daily', job: b, zone: 'a b'}}",
		"object as default":    "jobs: {a: {parameters: {b: {type: string, default: {}}}}}",
	} {
		if _, err := configfile.Read("f", content, resolve); err == nil {
			t.Errorf("%s: read accepts it", name)
		}
		if validate(t, s, content) == nil {
			t.Errorf("%s: the schema accepts it", name)
		}
	}
}
