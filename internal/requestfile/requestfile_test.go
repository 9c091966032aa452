package requestfile_test

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/overridetest"
	"github.com/runwith/runwith/internal/requestfile"
)

func read(t *testing.T, content string, c requestfile.Config) (items []requestfile.Item, err error) {
	t.Helper()
	c.Name = "items.ndjson"
	r := requestfile.New(strings.NewReader(content), c)
	for {
		item, err := r.Next()
		if errors.Is(err, io.EOF) {
			return items, nil
		}
		if err != nil {
			return items, err
		}
		items = append(items, item)
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	content := "\ufeff{\"key\":\"a\"}\r\n\n  {\"key\":\"b\",\"parameters\":{\"n\":9007199254740993},\"labels\":{\"x\":\"2\"},\"env\":{\"A\":\"2\"},\"args\":[]," +
		"\"taskCount\":2,\"timeout\":\"90s\",\"startAt\":\"2026-12-01T02:00:00Z\",\"containers\":[],\"callback\":{\"url\":\"u\"}}"
	defaults := runwith.Request{
		Parameters: map[string]any{"m": "1"}, Labels: map[string]string{"x": "1", "y": "1"},
		Overrides: runwith.Overrides{Args: []string{"z"}, Env: map[string]string{"A": "1", "B": "1"}, TaskCount: 7, Timeout: time.Hour},
	}
	items, err := read(t, content, requestfile.Config{Defaults: defaults})
	if err != nil || len(items) != 2 {
		t.Fatalf("read %d items, %v, want 2", len(items), err)
	}
	want := runwith.Request{
		Parameters: map[string]any{"m": "1", "n": json.Number("9007199254740993")}, Labels: map[string]string{"x": "2", "y": "1"},
		Callback: &runwith.Callback{URL: "u"}, StartAt: time.Date(2026, 12, 1, 2, 0, 0, 0, time.UTC),
		Overrides: runwith.Overrides{
			Args: []string{}, Env: map[string]string{"A": "2", "B": "1"}, Containers: []runwith.ContainerOverride{}, TaskCount: 2, Timeout: 90 * time.Second,
		},
	}
	if diff := cmp.Diff(defaults, items[0].Request); diff != "" || items[0].Line != 1 || items[0].Key != "a" {
		t.Errorf("first = line %d, key %q (-want +got):\n%s", items[0].Line, items[0].Key, diff)
	}
	if diff := cmp.Diff(want, items[1].Request); diff != "" || items[1].Line != 3 || items[1].Key != "b" {
		t.Errorf("second = line %d, key %q (-want +got):\n%s", items[1].Line, items[1].Key, diff)
	}
}

// TestEveryOverride reads each field of the overrides, and takes each from the defaults.
func TestEveryOverride(t *testing.T) {
	t.Parallel()
	for _, c := range overridetest.Each(t) {
		line, err := json.Marshal(c.After)
		if err != nil {
			t.Fatal(err)
		}
		for name, test := range map[string]struct {
			line     string
			defaults runwith.Overrides
		}{
			"in the line": {string(line), c.Before},
			"by default":  {"{}", c.After},
		} {
			items, err := read(t, test.line, requestfile.Config{Defaults: runwith.Request{Overrides: test.defaults}})
			if err != nil || len(items) != 1 {
				t.Errorf("%s, %s: read(%s) = %d items, %v, want 1", c.Path, name, test.line, len(items), err)
				continue
			}
			if diff := cmp.Diff(c.After, items[0].Request.Overrides); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", c.Path, name, diff)
			}
		}
	}
}

// TestKeys checks which requests have the same key in two commands.
func TestKeys(t *testing.T) {
	t.Parallel()
	keys := func(content string, c requestfile.Config) (keys []string) {
		items, err := read(t, content, c)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range items {
			keys = append(keys, item.Key)
		}
		return keys
	}
	const a, b = `{"args":["a"]}`, `{"args":["b"]}`
	job := requestfile.Config{Job: "report"}
	first := keys(a+"\n"+b+"\n"+a, job)
	if first[0] == first[1] || first[0] == first[2] || first[1] == first[2] {
		t.Errorf("keys = %q, want one of its own for each line", first)
	}
	if again := keys(b+"\n"+` { "args" : ["a"] } `+"\n"+a+"\n"+a, job); again[0] != first[1] || again[1] != first[0] || again[2] != first[2] {
		t.Errorf("keys = %q after %q, want the same for the same lines in another order", again, first)
	}
	later := job
	later.Defaults.StartAt = time.Now()
	if again := keys(a, later); again[0] != first[0] {
		t.Error("the time of the command makes another key")
	}
	scoped, other, labelled := job, requestfile.Config{Job: "other"}, job
	scoped.Scope, labelled.Defaults.Labels = "tuesday", map[string]string{"a": "b"}
	for what, c := range map[string]requestfile.Config{"scope": scoped, "job": other, "label": labelled} {
		if keys(a, c)[0] == first[0] {
			t.Errorf("another %s has the same key", what)
		}
	}
	if keys(`{"args":["a"],"startAt":"2026-12-01T02:00:00Z"}`, job)[0] == first[0] {
		t.Error("a line with its own time has the same key")
	}
}

func TestFaultyLines(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`tenant,acme`:              "must be a JSON object",
		`["a"]`:                    "must be a JSON object",
		"{\"args\":[\"\xff\"]}":    "is not UTF-8",
		`{"args":["\ud800"]}`:      "single surrogate",
		`null`:                     "must be a JSON object",
		`{"args":["a"]`:            "ends too early",
		`{"args":["a"]}{}`:         "text after the JSON object",
		`{"args":[s3cret]}`:        "malformed JSON",
		`{"tasks":1}`:              `unknown field "tasks"`,
		`{"callback":{"uri":"x"}}`: `unknown field "uri"`,
		`{"args":"s3cret"}`:        "args cannot be string",
		`{"taskCount":1.5}`:        "taskCount cannot be number 1.5",
		`{"args":["a"],"Args":[]}`: `field "Args" occurs twice`,
		`{"parameters":{"tenant":"s3cret","tenant":"b"}}`: `field "tenant" occurs twice`,
		`{"key":""}`:                               "key: must not be empty",
		`{"timeout":"soon"}`:                       "timeout: must be",
		`{"startAt":"tomorrow"}`:                   "startAt: must be a time in RFC 3339",
		strings.Repeat(" ", requestfile.MaxLine+2): "is longer than",
	} {
		_, err := read(t, "{}\n\n"+line, requestfile.Config{})
		if err == nil {
			t.Errorf("%.40s was read, want an error with %q", line, want)
			continue
		}
		if place := "items.ndjson:3: "; !strings.HasPrefix(err.Error(), place) {
			t.Errorf("%.40s: error = %v, want %q in front", line, err, place)
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: error = %v, want %q in it", line, err, want)
		}
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%.40s: error = %v, want it without the value", line, err)
		}
	}
}
