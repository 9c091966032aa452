package jobfile

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

var place = regexp.MustCompile(`^read job: :[1-9][0-9]*:[1-9][0-9]*: .`)

// Any text is either a job, or an error that names the file.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", "kind: Job", "kind: Job\nmetadata: {name: a}", "apiVersion: run.googleapis.com/v1\nmetadata: {name: a}\nspec: {template: {spec: {template: {spec: {containers: [{image: b}]}}}}}",
		`{"kind": "Job", "metadata": {"name": "a"}, "spec": {"runExecutionToken": 7, "x": []}}`, "kind: Job\nmetadata: &m {name: a, labels: *m}",
		"kind: Job\nmetadata: {name: a, labels: {\"a]b\": c, run.googleapis.com/x: y}}", "kind: [", "kind: Job\n---\nkind: Job",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		job, err := Parse("FILE", text, Target{Location: jobspec.Location{Project: "demo", Region: "us-east4"}})
		if err != nil && !strings.HasPrefix(err.Error(), "read job: FILE:") {
			t.Errorf("Parse(%q) = %v, want read job: FILE: in front", text, err)
		}
		if err == nil && job.GetName() == "" {
			t.Errorf("Parse(%q) = %v, want a name", text, job)
		}
	})
}

// Any text is either a job, or an error with line and column.
func FuzzUnmarshal(f *testing.F) {
	for _, text := range []string{
		"", "{", "[", "- a", "a: &a [*a]", "a: *b", "name: a\n---\nname: b", "\x00", "name: \"\\x\"", "? a\n: b", "<<: {name: a}",
		"name: a\ntemplate: {taskCount: 3}", "name: !!binary a", "name: 1", `{"name": "a", "template": {"template": 1}}`,
	} {
		f.Add([]byte(text))
	}
	scripts, err := filepath.Glob("../../../cmd/runwith/testdata/script/*jobs.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range scripts {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range regexp.MustCompile(`(?m)^-- \S+ --\n`).Split(string(text), -1)[1:] {
			f.Add([]byte(file))
		}
	}
	for _, mistake := range mistakes {
		f.Add([]byte(mistake.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := unmarshal("", text, &runpb.Job{}); err != nil && !place.MatchString(err.Error()) {
			t.Errorf("unmarshal(%q) = %q, want :LINE:COLUMN: in front", text, err)
		}
	})
}
