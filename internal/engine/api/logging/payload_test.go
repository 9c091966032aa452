package logging

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"github.com/google/go-cmp/cmp"
	logtype "google.golang.org/genproto/googleapis/logging/type"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/runwith/runwith/internal/engine/tasklog"
	"github.com/runwith/runwith/internal/jobspec"
)

// entryOf returns the entry of a line of task 1.
func entryOf(text string) *loggingpb.LogEntry {
	job := jobspec.JobName{Location: jobspec.Location{Project: "demo", Region: "us-east4"}, Job: "hello"}
	return newMaker(job.Execution("hello-abcde")).entry(tasklog.Entry{
		Pos: 32, Time: time.Unix(1, 0), Task: 1, Attempt: 2, Stream: tasklog.Stderr, Text: []byte(text),
	})
}

func TestEntry(t *testing.T) {
	t.Parallel()
	want := &loggingpb.LogEntry{}
	if err := protojson.Unmarshal([]byte(`{
		"logName": "projects/demo/logs/run.googleapis.com%2Fstderr",
		"resource": {"type": "cloud_run_job", "labels": {"project_id": "demo", "location": "us-east4", "job_name": "hello"}},
		"labels": {"run.googleapis.com/execution_name": "hello-abcde", "run.googleapis.com/task_index": "1", "run.googleapis.com/task_attempt": "2"},
		"timestamp": "1970-01-01T00:00:01Z", "receiveTimestamp": "1970-01-01T00:00:01Z", "insertId": "hello-abcde-000000000020",
		"textPayload": "not \ufffd UTF-8"
	}`), want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, entryOf("not \xff UTF-8"), protocmp.Transform()); diff != "" {
		t.Errorf("entry differs (-want +got):\n%s", diff)
	}
}

func TestSpecialMembers(t *testing.T) {
	t.Parallel()
	const prefix = `logging.googleapis.com/`
	for line, want := range map[string]string{ // the fields that differ from other entries
		`{}`:                                 `{"jsonPayload": {}}`,
		` {"message":"a < b","n":[1,null]} `: `{"jsonPayload": {"message": "a < b", "n": [1, null]}}`,
		`{"severity":"error","message":"m"}`: `{"severity": "ERROR", "jsonPayload": {"message": "m"}}`,
		`{"severity":"Warn"}`:                `{"severity": "WARNING", "jsonPayload": {}}`,
		`{"severity":"FATAL"}`:               `{"severity": "CRITICAL", "jsonPayload": {}}`,
		`{"severity":300}`:                   `{"severity": "NOTICE", "jsonPayload": {}}`,
		`{"severity":"loud"}`:                `{"jsonPayload": {"severity": "loud"}}`,
		`{"severity":301}`:                   `{"severity": "NOTICE", "jsonPayload": {}}`,
		`{"severity":"199"}`:                 `{"severity": "DEBUG", "jsonPayload": {}}`,
		`{"severity":1e9}`:                   `{"severity": "EMERGENCY", "jsonPayload": {}}`,
		`{"severity":"e"}`:                   `{"severity": "ERROR", "jsonPayload": {}}`,
		`{"severity":"FINEST"}`:              `{"severity": "DEBUG", "jsonPayload": {}}`,
		`{"severity":-100}`:                  `{"jsonPayload": {"severity": -100}}`,
		`{"severity":1.5}`:                   `{"jsonPayload": {"severity": 1.5}}`,
		`{"severity":["ERROR"]}`:             `{"jsonPayload": {"severity": ["ERROR"]}}`,

		`{"` + prefix + `trace":"projects/p/traces/1","` + prefix + `spanId":"2","` + prefix + `trace_sampled":true}`: `{"trace": "projects/p/traces/1", "spanId": "2", "traceSampled": true, "jsonPayload": {}}`,
		`{"` + prefix + `trace":7,"` + prefix + `trace_sampled":"yes"}`:                                               `{"jsonPayload": {"` + prefix + `trace": 7, "` + prefix + `trace_sampled": "yes"}}`,
		`{"` + prefix + `insertId":"mine"}`:                                                                           `{"insertId": "mine", "jsonPayload": {}}`,
		`{"` + prefix + `labels":{"team":"blue","run.googleapis.com/task_index":"99"}}`:                               `{"labels": {"team": "blue"}, "jsonPayload": {}}`,
		`{"` + prefix + `labels":{"team":7}}`:                                                                         `{"jsonPayload": {"` + prefix + `labels": {"team": 7}}}`,
		`{"` + prefix + `sourceLocation":{"file":"a.go","line":"7","function":"f"}}`:                                  `{"sourceLocation": {"file": "a.go", "line": "7", "function": "f"}, "jsonPayload": {}}`,
		`{"` + prefix + `sourceLocation":{"file":"a.go","column":1}}`:                                                 `{"jsonPayload": {"` + prefix + `sourceLocation": {"file": "a.go", "column": 1}}}`,
		`{"` + prefix + `operation":{"id":"o","first":true}}`:                                                         `{"operation": {"id": "o", "first": true}, "jsonPayload": {}}`,
		`{"httpRequest":{"requestMethod":"GET","status":200,"latency":"1.5s"}}`:                                       `{"httpRequest": {"requestMethod": "GET", "status": 200, "latency": "1.5s"}, "jsonPayload": {}}`,
		`{"httpRequest":"GET /"}`:                                                                                     `{"jsonPayload": {"httpRequest": "GET /"}}`,

		// Lines that are no objects, too deep or too large stay text.
		`[1]`:         `{"textPayload": "[1]"}`,
		`"text"`:      `{"textPayload": "\"text\""}`,
		`{"open":`:    `{"textPayload": "{\"open\":"}`,
		`{"a":1} x`:   `{"textPayload": "{\"a\":1} x"}`,
		`{a: 1}`:      `{"textPayload": "{a: 1}"}`,
		`{"n":1e99}`:  `{"jsonPayload": {"n": 1e99}}`,
		`{"n":1e999}`: `{"textPayload": "{\"n\":1e999}"}`,
		nested(29):    `{"jsonPayload": ` + nested(29) + `}`,
		nested(40):    `{"textPayload": "` + strings.ReplaceAll(nested(40), `"`, `\"`) + `"}`,
		`{"a":[` + strings.Repeat("0,", 50_000) + `0]}`: `{"textPayload": "{\"a\":[` + strings.Repeat("0,", 50_000) + `0]}"}`,
	} {
		e := entryOf(line)
		wanted, extra := entryOf(""), &loggingpb.LogEntry{}
		if err := protojson.Unmarshal([]byte(want), extra); err != nil {
			t.Fatalf("%.100s: %v", want, err)
		}
		wanted.Payload = nil
		proto.Merge(wanted, extra)
		if diff := cmp.Diff(wanted, e, protocmp.Transform()); diff != "" {
			t.Errorf("%.100s: entry differs (-want +got):\n%.2000s", line, diff)
		}
	}
}

// nested returns objects within objects.
func nested(depth int) string {
	return strings.Repeat(`{"a":`, depth) + `{}` + strings.Repeat(`}`, depth)
}

func TestTimeOfAStructure(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{ // of a line written at 01:00:00
		`{"time":"1970-01-01T00:59:58.5Z"}`:                               `00:59:58.5 {}`,
		`{"time":"1970-01-01T02:59:59+02:00","message":"m"}`:              `00:59:59 {"message":"m"}`,
		`{"timestamp":{"seconds":3599,"nanos":7000000}}`:                  `00:59:59.007 {}`,
		`{"timestamp":{"seconds":"3599","nanos":0}}`:                      `00:59:59 {}`,
		`{"timestampSeconds":3598,"timestampNanos":"900000000"}`:          `00:59:58.9 {}`,
		`{"time":"1970-01-01T00:59:58Z","timestampSeconds":3599}`:         `00:59:58 {"timestampSeconds":3599}`,
		`{"time":"x","timestamp":{"seconds":3599,"nanos":0}}`:             `00:59:59 {"time":"x"}`,
		`{"time":"1970-01-01T00:50:00Z"}`:                                 `00:50:00 {}`,
		`{"time":"1970-01-01T00:49:59Z"}`:                                 `01:00:00 {"time":"1970-01-01T00:49:59Z"}`, // too old
		`{"time":"1970-01-01T01:00:01Z"}`:                                 `01:00:00 {"time":"1970-01-01T01:00:01Z"}`, // in the future
		`{"time":3599}`:                                                   `01:00:00 {"time":3599}`,
		`{"timestamp":"1970-01-01T00:59:59Z"}`:                            `01:00:00 {"timestamp":"1970-01-01T00:59:59Z"}`,
		`{"timestamp":{"seconds":3599,"nanos":1e9}}`:                      `01:00:00 {"timestamp":{"nanos":1000000000,"seconds":3599}}`,
		`{"timestamp":{"seconds":3599.5,"nanos":0}}`:                      `01:00:00 {"timestamp":{"nanos":0,"seconds":3599.5}}`,
		`{"timestampSeconds":1e300,"timestampNanos":0}`:                   `01:00:00 {"timestampNanos":0,"timestampSeconds":1e+300}`,
		`{"timestampSeconds":"9223372036854775807","timestampNanos":"1"}`: `01:00:00 {"timestampNanos":"1","timestampSeconds":"9223372036854775807"}`,
	} {
		at := time.Date(1970, 1, 1, 1, 0, 0, 0, time.UTC)
		e := newMaker(jobspec.ExecutionName{Execution: "x"}).entry(tasklog.Entry{Time: at, Stream: tasklog.Stdout, Text: []byte(line)})
		payload, err := json.Marshal(e.GetJsonPayload().AsMap())
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Timestamp.AsTime().Format("15:04:05.999 ") + string(payload); got != want {
			t.Errorf("%s: entry is of %s, want %s", line, got, want)
		}
		if got := e.ReceiveTimestamp.AsTime(); !got.Equal(at) {
			t.Errorf("%s: received at %v, want %v", line, got, at)
		}
	}
}

// TestLabelsOfALine: entries share common labels, but not the labels of a line.
func TestLabelsOfALine(t *testing.T) {
	t.Parallel()
	m := newMaker(jobspec.ExecutionName{Execution: "x"})
	one := m.entry(tasklog.Entry{Stream: tasklog.Stdout, Text: []byte(`{"logging.googleapis.com/labels":{"team":"blue"}}`)})
	two := m.entry(tasklog.Entry{Stream: tasklog.Stdout, Text: []byte(`text`)})
	if one.Labels["team"] != "blue" || two.Labels["team"] != "" || two.Labels["run.googleapis.com/execution_name"] != "x" {
		t.Errorf("labels = %v and %v, want team in the first alone", one.Labels, two.Labels)
	}
}

func TestPartOfALineIsText(t *testing.T) {
	t.Parallel()
	m := newMaker(jobspec.ExecutionName{Execution: "x"})
	e := m.entry(tasklog.Entry{Stream: tasklog.Stdout, Text: []byte(`{"a":1}`), Continued: true})
	if e.GetTextPayload() != `{"a":1}` {
		t.Errorf("a line that goes on = %v, want text", e)
	}
}

func TestSeverityOfPlatformLines(t *testing.T) {
	t.Parallel()
	m := newMaker(jobspec.ExecutionName{Job: jobspec.JobName{Location: jobspec.Location{Project: "demo"}}})
	for level, want := range map[tasklog.Level]logtype.LogSeverity{
		tasklog.Info: logtype.LogSeverity_INFO, tasklog.Warning: logtype.LogSeverity_WARNING, tasklog.Error: logtype.LogSeverity_ERROR,
	} {
		e := m.entry(tasklog.Entry{Stream: tasklog.System, Level: level, Text: []byte("{}")})
		if e.Severity != want || e.LogName != "projects/demo/logs/run.googleapis.com%2Fvarlog%2Fsystem" || e.GetTextPayload() != "{}" {
			t.Errorf("level %c: entry = %v, want severity %v", level, e, want)
		}
	}
}

// FuzzPayload makes entries of arbitrary lines. Each must encode within the size limit,
// and other clients must be able to read its structure.
func FuzzPayload(f *testing.F) {
	for _, seed := range []string{
		`{"severity":"ERROR","message":"m","logging.googleapis.com/labels":{"a":"b"}}`, `{"httpRequest":{"status":1}}`, `{"a":{"a":{"a":[[[]]]}}}`,
		`{"logging.googleapis.com/sourceLocation":{"line":"x"}}`, `{`, "{\"a\":\"\xff\"}", `{"a":1,"a":2}`, nested(35), `{"severity":1e300}`,
		`{"time":"1970-01-01T00:00:00Z"}`, `{"timestamp":{"seconds":1,"nanos":0}}`, `{"timestampSeconds":1,"timestampNanos":-1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e := entryOf(string(line))
		wire, err := proto.Marshal(e)
		if err != nil {
			t.Fatalf("entry of %q: %v", line, err)
		}
		options := proto.UnmarshalOptions{RecursionLimit: 100}
		if err := options.Unmarshal(wire, &loggingpb.LogEntry{}); err != nil {
			t.Fatalf("entry of %q cannot be read: %v", line, err)
		}
		if e.GetJsonPayload() == nil && e.GetTextPayload() != strings.ToValidUTF8(string(line), "\ufffd") {
			t.Fatalf("entry of %q = %v, want the line as text", line, e)
		}
		if e.Labels[executionLabel] != "hello-abcde" || e.Labels[taskLabel] != "1" {
			t.Fatalf("entry of %q has labels %v", line, e.Labels)
		}
	})
}
