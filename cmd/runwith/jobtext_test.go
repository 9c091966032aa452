package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
)

var place = regexp.MustCompile(`^:[1-9][0-9]*:[1-9][0-9]*: .`)

// Whatever a job file holds, it is read, or told by line and column.
func FuzzUnmarshalJob(f *testing.F) {
	for _, text := range []string{
		"", "{", "[", "- a", "a: &a [*a]", "a: *b", "name: a\n---\nname: b", "\x00", "name: \"\\x\"", "? a\n: b", "<<: {name: a}",
		"name: a\ntemplate: {taskCount: 3}", "name: !!binary a", "name: 1", `{"name": "a", "template": {"template": 1}}`,
	} {
		f.Add([]byte(text))
	}
	scripts, err := filepath.Glob("testdata/script/*jobs.txtar")
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
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := unmarshalJob(text, &runpb.Job{}); err != nil && !place.MatchString(err.Error()) {
			t.Errorf("unmarshalJob(%q) = %q, want :LINE:COLUMN: in front", text, err)
		}
	})
}
