package partial_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/api/partial"
	"github.com/runwith/runwith/internal/engine/knative"
)

var (
	job       = partial.Message((&runpb.Job{}).ProtoReflect().Descriptor())
	jobs      = partial.Message((&runpb.ListJobsResponse{}).ProtoReflect().Descriptor())
	operation = partial.Message((&longrunningpb.Operation{}).ProtoReflect().Descriptor(), (&runpb.Job{}).ProtoReflect().Descriptor(), (&runpb.Execution{}).ProtoReflect().Descriptor())
	entries   = partial.Message((&loggingpb.ListLogEntriesResponse{}).ProtoReflect().Descriptor())
	v1Jobs    = partial.Struct(knative.List[*knative.Job]{})
)

const (
	aJob  = `{"name":"a","labels":{"run.io/x":"1","y":"2"},"template":{"taskCount":3,"template":{"containers":[{"image":"i","args":["b"]},{"image":"j"}]}},"etag":"\"<e>\""}`
	two   = `{"jobs":[{"name":"a","uid":"1"},{"name":"b"}],"nextPageToken":"t"}`
	run   = `{"name":"o","metadata":{"@type":"type","name":"x","taskCount":2},"done":true}`
	lines = `{"entries":[{"logName":"l","jsonPayload":{"a":{"b":1,"c":2}},"labels":{"task_index":"0"}}]}`
	list  = `{"apiVersion":"v","kind":"JobsList","metadata":{"continue":"c"},"items":[{"metadata":{"name":"a","uid":"1","labels":{"k":"v"}},"spec":{}}]}`
)

func TestApply(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		of                partial.Shape
		mask, given, want string
	}{
		{job, "", aJob, aJob},
		{job, " ", aJob, aJob},
		{job, "*", aJob, aJob},
		{job, "name", aJob, `{"name":"a"}`},
		{job, "etag,name", aJob, `{"name":"a","etag":"\"<e>\""}`},
		{job, " name , etag ", aJob, `{"name":"a","etag":"\"<e>\""}`},
		{job, "uid", aJob, `{}`},
		{job, "template.taskCount", aJob, `{"template":{"taskCount":3}}`},
		{job, "template.task_count", aJob, `{"template":{"taskCount":3}}`},
		{job, "template/taskCount", aJob, `{"template":{"taskCount":3}}`},
		{job, "template(taskCount)", aJob, `{"template":{"taskCount":3}}`},
		{job, "template(taskCount,template/containers(args))", aJob, `{"template":{"taskCount":3,"template":{"containers":[{"args":["b"]},{}]}}}`},
		{job, "template.template.containers.image", aJob, `{"template":{"template":{"containers":[{"image":"i"},{"image":"j"}]}}}`},
		{job, "template.taskCount,template.template.containers.image", aJob, `{"template":{"taskCount":3,"template":{"containers":[{"image":"i"},{"image":"j"}]}}}`},
		{job, "template,template.taskCount", `{"template":{"taskCount":3,"parallelism":1}}`, `{"template":{"taskCount":3,"parallelism":1}}`},
		{job, "template.taskCount,template", `{"template":{"taskCount":3,"parallelism":1}}`, `{"template":{"taskCount":3,"parallelism":1}}`},
		{job, "*/taskCount", aJob, `{"template":{"taskCount":3}}`},
		{job, "labels", aJob, `{"labels":{"run.io/x":"1","y":"2"}}`},
		{job, "labels.y", aJob, `{"labels":{"y":"2"}}`},
		{job, "labels.`run.io/x`", aJob, `{"labels":{"run.io/x":"1"}}`},
		{job, `labels("run.io/x",y)`, aJob, `{"labels":{"run.io/x":"1","y":"2"}}`},
		{job, "labels/*", aJob, `{"labels":{"run.io/x":"1","y":"2"}}`},
		{job, "conditions.type", `{"conditions":[]}`, `{"conditions":[]}`},
		{jobs, "jobs(name),nextPageToken", two, `{"jobs":[{"name":"a"},{"name":"b"}],"nextPageToken":"t"}`},
		{jobs, "jobs/uid", two, `{"jobs":[{"uid":"1"},{}]}`},
		{jobs, "jobs.name,nextPageToken", `{}`, `{}`},
		{operation, "name,metadata/name", run, `{"name":"o","metadata":{"@type":"type","name":"x"}}`},
		{operation, "metadata(@type)", run, `{"metadata":{"@type":"type"}}`},
		{operation, "metadata.task_count,response.template", run, `{"metadata":{"@type":"type","taskCount":2}}`},
		{operation, "metadata.*", run, `{"metadata":{"@type":"type","name":"x","taskCount":2}}`},
		{entries, "entries.jsonPayload.a.c", lines, `{"entries":[{"jsonPayload":{"a":{"c":2}}}]}`},
		{entries, "entries(json_payload/a/b,labels/task_index)", lines, `{"entries":[{"jsonPayload":{"a":{"b":1}},"labels":{"task_index":"0"}}]}`},
		{v1Jobs, "items(metadata/name)", list, `{"items":[{"metadata":{"name":"a"}}]}`},
		{v1Jobs, "items.metadata.labels.k,metadata.continue", list, `{"metadata":{"continue":"c"},"items":[{"metadata":{"labels":{"k":"v"}}}]}`},
		{v1Jobs, "api_version", list, `{"apiVersion":"v"}`},
	} {
		got, err := apply(test.of, test.mask, test.given)
		if err != nil || got != test.want {
			t.Errorf("mask %q of %s = %s, %v, want %s", test.mask, test.given, got, err, test.want)
		}
	}
}

// apply makes a partial answer.
func apply(of partial.Shape, mask, given string) (string, error) {
	m, err := partial.Parse(mask)
	if err != nil {
		return "", err
	}
	if m, err = m.For(of); err != nil {
		return "", err
	}
	raw, err := m.Apply([]byte(given))
	return string(raw), err
}

// TestRepeatedField selects a field many times, which must not take the time of as many copies.
func TestRepeatedField(t *testing.T) {
	t.Parallel()
	var mask strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&mask, "labels.x%d,", i)
	}
	mask.WriteString(strings.Repeat("labels.y,", 20_000) + "name")
	m, err := partial.Parse(mask.String())
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Apply([]byte(aJob))
	if want := `{"name":"a","labels":{"y":"2"}}`; err != nil || string(got) != want {
		t.Errorf("Apply() = %s, %v, want %s", got, err, want)
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		of         partial.Shape
		mask, want string
	}{
		{job, ",", `expected the name of a field, at character 1 of ","`},
		{job, "name,", `expected the name of a field, at character 6 of "name,"`},
		{job, "name,,etag", "expected the name of a field, at character 6"},
		{job, "template(", "expected the name of a field, at character 10"},
		{job, "template(taskCount", "expected a comma or a closing parenthesis, at character 19"},
		{job, "template()", "expected the name of a field, at character 10"},
		{job, "name)", "expected a comma or the end, at character 5"},
		{job, "template(taskCount)x", "expected a comma or the end, at character 20"},
		{job, "name etag", "expected a comma or the end, at character 6"},
		{job, "labels.`x", "expected a name in quotes, at character 8"},
		{job, "labels.``", "expected a name in quotes"},
		{job, ".name", "expected the name of a field, at character 1"},
		{job, "template..taskCount", "expected the name of a field, at character 10"},
		{job, strings.Repeat("a/", 100) + "a", "leads more than 50 fields deep"},
		{job, strings.Repeat("a(", 100_000), "leads more than 50 fields deep"},
		{job, "taskCount", "taskCount: is not a field of Job"},
		{job, "Name", "Name: is not a field of Job, did you mean name? (its fields: name, uid"},
		{job, "template.taskcount", "template.taskcount: is not a field of ExecutionTemplate, did you mean taskCount?"},
		{job, "template(template(container))", "template.template.container: is not a field of TaskTemplate, did you mean containers?"},
		{job, "name.first", "name.first: is not a field of a value without fields"},
		{job, "createTime.seconds", "createTime.seconds: is not a field of a value without fields"},
		{job, "*/colour", "*.colour: is not a field of"},
		{jobs, "items", "items: is not a field of ListJobsResponse (its fields: jobs, nextPageToken)"},
		{operation, "metadata.colour", "metadata.colour: is not a field of Any"},
		{v1Jobs, "jobs", "jobs: is not a field of List (its fields: apiVersion, kind, metadata, items)"},
		{v1Jobs, "items.metadata.clusterName", "items.metadata.clusterName: is not a field of ObjectMeta"},
	} {
		_, err := apply(test.of, test.mask, "{}")
		if err == nil || !strings.Contains(err.Error(), test.want) || runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("mask %.60q = %v, want %q", test.mask, err, test.want)
		}
	}
}

// FuzzMask checks that a mask never makes an answer that is no JSON, nor one that has more
// than the whole.
func FuzzMask(f *testing.F) {
	for _, mask := range []string{"", "*", "name", "jobs(name),nextPageToken", "template/template/containers(args)", "labels.`a.b`", "a(b(c,d),e)/f", "*/*/*", "metadata(@type)", ",", "((", "jobs.*"} {
		f.Add(mask)
	}
	f.Fuzz(func(t *testing.T, mask string) {
		for given, of := range map[string]partial.Shape{aJob: job, two: jobs, run: operation, lines: entries, list: v1Jobs} {
			got, err := apply(of, mask, given)
			switch {
			case err != nil && runwith.CodeOf(err) != runwith.InvalidArgument:
				t.Fatalf("mask %q = %v, want INVALID_ARGUMENT", mask, err)
			case err == nil && (!json.Valid([]byte(got)) || len(got) > len(given)):
				t.Fatalf("mask %q of %s = %s, want a part of it", mask, given, got)
			}
		}
	})
}
