package jobfile

import (
	"regexp"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith/internal/jobspec"
)

var here = Target{Location: jobspec.Location{Project: "demo", Region: "us-east4"}}

// mistakes are job files that cannot be read, and the lines of their errors without
// "read job: FILE".
var mistakes = map[string]struct {
	text string
	want []string
}{
	"malformed JSON":  {"{\n  \"name\": \"bad\",\n  \"template\": {,}\n}\n", []string{":3:16: expected a name or }"}},
	"truncated JSON":  {"{\"name\": \"bad\",\n\"template\"\n", []string{":3:1: expected a colon after the name"}},
	"unknown in JSON": {"{\n  \"name\": \"bad\",\n  \"templat\": {}\n}\n", []string{":3:3: templat: is not a field of Job, did you mean template?"}},
	"unknown in JSON with tabs": {"{\n\t\"name\": \"bad\",\n\t\"template\": {\"task\": 1}\n}\n", []string{
		":3:15: template.task: is not a field of ExecutionTemplate",
	}},
	"malformed YAML": {"name: bad\ntemplate:\n  - x\n template: [\n", []string{":4:2: value is not allowed in this context"}},
	"unknown in YAML": {"name: bad\ntemplate:\n  name: unknown\n", []string{
		":3:3: template.name: is not a field of ExecutionTemplate",
	}},
	"two mistakes in YAML": {"name: bad\ntemplate: {taskCount: x}\nlaunchStage: 1.5\n", []string{
		":2:12: template.taskCount: must be a whole number of 32 bits, not a string",
		":3:1: launchStage: must be one of LAUNCH_STAGE_UNSPECIFIED, UNIMPLEMENTED, PRELAUNCH, EARLY_ACCESS, ALPHA, BETA, GA, DEPRECATED, not 1.5",
	}},
	"empty":            {"# nothing\n", []string{":1:1: is empty: must be a job, with name and template"}},
	"a list":           {"[bad]\n", []string{":1:1: must be a job, with name and template"}},
	"two jobs":         {"name: bad\ntemplate: {}\n---\nname: worse\n", []string{":4:1: is a second job: put each job into a file of its own"}},
	"no name":          {"template: {}\n", []string{": name: is required, such as name: test-job"}},
	"v1, no name":      {"kind: Job\nmetadata: {}\n", []string{":2:1: metadata.name: is required, such as name: test-job"}},
	"v1, another kind": {"apiVersion: run.googleapis.com/v1\nkind: Service\nmetadata: {name: bad}\n", []string{`:2:1: kind: must be Job, not "Service"`}},
	"wrong type": {`
name: bad
template:
  template:
    containers:
      - image: test-job
        env:
          - { name: ANSWER, value: 1 }
`, []string{":8:29: template.template.containers[0].env[0].value: must be a string, not 1"}},
	"v1, unknown and wrong type": {`
kind: Job
metadata: {name: bad}
spec:
  template:
    spec:
      template:
        spec:
          containers:
          - imagee: test-job
          timeoutSeconds: long
`, []string{
		":10:13: spec.template.spec.template.spec.containers[0].imagee: is not a field of Container, did you mean image?",
		":11:11: spec.template.spec.template.spec.timeoutSeconds: must be a whole number of 64 bits, not a string",
	}},
	"a Kubernetes Job": {`apiVersion: batch/v1
kind: Job
metadata: {name: k}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: i}]}}}
`, []string{`:1:1: apiVersion: must be run.googleapis.com/v1, not "batch/v1", which is Kubernetes'`}},
	"a Knative Service": {`
kind: Service
apiVersion: serving.knative.dev/v1
metadata: {name: s}
spec: {template: {spec: {containers: [{image: i}]}}}
`, []string{
		`:3:1: apiVersion: must be run.googleapis.com/v1, not "serving.knative.dev/v1", which is Knative's: a service is no job`,
		`:2:1: kind: must be Job, not "Service"`,
	}},
	"v1, out of range": {`
kind: Job
metadata: {name: bad}
spec:
  template:
    spec:
      taskCount: -3
      template: {spec: {containers: [{image: test-job}]}}
`, []string{":7:7: spec.template.spec.taskCount: must be between 1 and 10000, not -3"}},
}

// itsFields is the list of known fields after an unknown one, which grows with the API.
var itsFields = regexp.MustCompile(` \(its fields: [^)]*\)`)

func TestMistakesHaveTheirPlace(t *testing.T) {
	t.Parallel()
	for name, test := range mistakes {
		_, err := Parse("FILE", []byte(test.text), here)
		if err == nil {
			t.Errorf("Parse of %s succeeded, want an error", name)
			continue
		}
		text := itsFields.ReplaceAllString(err.Error(), "")
		got := strings.Split(strings.ReplaceAll(text, "read job: FILE", ""), "\n")
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("errors of %s differ (-want +got):\n%s", name, diff)
		}
	}
}

func TestNameMayBeAnID(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"name: a\n":       "projects/demo/locations/us-east4/jobs/a",
		`{"name": "a"}`:   "projects/demo/locations/us-east4/jobs/a",
		"name: p/jobs/a ": "p/jobs/a", // the server validates it
		"kind: Job\nmetadata: {name: a}\nspec: {template: {spec: {template: {spec: {containers: [{image: i}]}}}}}": "projects/demo/locations/us-east4/jobs/a",
		"kind: Job\nmetadata: {name: a, namespace: demo, labels: {cloud.googleapis.com/location: us-west1}}\n" +
			"spec: {template: {spec: {template: {spec: {containers: [{image: i}]}}}}}": "projects/demo/locations/us-west1/jobs/a",
		"kind: Job\nmetadata: {name: a, namespace: '123456789012'}\n" +
			"spec: {template: {spec: {template: {spec: {containers: [{image: i}]}}}}}": "projects/demo/locations/us-east4/jobs/a",
	} {
		job, err := Parse("FILE", []byte(text), here)
		if err != nil {
			t.Errorf("Parse(%q) = %v", text, err)
			continue
		}
		if job.GetName() != want {
			t.Errorf("name in %q = %q, want %q", text, job.GetName(), want)
		}
	}
}

// Of the places that a file can name, a fixed region precedes the label of v1, and what
// leads elsewhere is an error.
func TestTarget(t *testing.T) {
	t.Parallel()
	const spec = "\nspec: {template: {spec: {template: {spec: {containers: [{image: i}]}}}}}"
	at := func(project, region bool) Target { return Target{here.Location, project, region} }
	for name, test := range map[string]struct {
		text   string
		target Target
		want   string // the job's name, or the error
	}{
		"label": {"kind: Job\nmetadata: {name: a, labels: {cloud.googleapis.com/location: us-west1}}" + spec,
			at(true, false), "projects/demo/locations/us-west1/jobs/a"},
		"label and fixed region": {"kind: Job\nmetadata: {name: a, labels: {cloud.googleapis.com/location: us-west1}}" + spec,
			at(false, true), "projects/demo/locations/us-east4/jobs/a"},
		"number": {"kind: Job\nmetadata: {name: a, namespace: '42'}" + spec, at(true, true), "projects/demo/locations/us-east4/jobs/a"},
		"foreign namespace": {"kind: Job\nmetadata: {name: a, namespace: other}" + spec, at(false, false),
			`read job: FILE:2:21: metadata.namespace: must be the project's ID, demo, or its number, not "other": leave it out, or set --project`},
		"full name": {"name: projects/other/locations/us-west1/jobs/a", at(false, false), "projects/other/locations/us-west1/jobs/a"},
		"full name, fixed project": {"name: projects/other/locations/us-west1/jobs/a", at(true, false),
			"read job: FILE: name: must be in project demo, not in other: write a alone, or set --project other"},
		"full name, fixed region": {"name: projects/demo/locations/us-west1/jobs/a", at(true, true),
			"read job: FILE: name: must be in region us-east4, not in us-west1: write a alone, or set --region us-west1"},
		"full name here": {"name: projects/demo/locations/us-east4/jobs/a", at(true, true), "projects/demo/locations/us-east4/jobs/a"},
	} {
		job, err := Parse("FILE", []byte(test.text), test.target)
		got := job.GetName()
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: %s\nwant %s", name, got, test.want)
		}
	}
}

func TestSame(t *testing.T) {
	t.Parallel()
	parse := func(text string) *runpb.Job {
		job, err := Parse("FILE", []byte(text), here)
		if err != nil {
			t.Fatal(err)
		}
		return job
	}
	const text = "name: a\ntemplate: {template: {containers: [{image: i}]}}\n"
	current := parse(text)
	jobspec.Defaults(current)
	current.Etag, current.Generation, current.Uid = "etag", 3, "uid"
	before := proto.CloneOf(current)
	if !Same(current, parse(text)) {
		t.Error("Same(a stored job, its file) = false, want true")
	}
	if Same(current, parse(strings.Replace(text, "image: i", "image: j", 1))) {
		t.Error("Same(a stored job, a file with another image) = true, want false")
	}
	if !proto.Equal(before, current) {
		t.Error("Same changed its argument")
	}
}
