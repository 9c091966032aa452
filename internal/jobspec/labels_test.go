package jobspec_test

import (
	"fmt"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
)

func TestValidateLabels(t *testing.T) {
	label := func(key, value string) func(*runpb.Job) {
		return func(j *runpb.Job) { j.Labels = map[string]string{key: value} }
	}
	many := func(n int) func(*runpb.Job) {
		return func(j *runpb.Job) {
			j.Template.Labels = map[string]string{}
			for i := range n {
				j.Template.Labels[fmt.Sprintf("l%d", i)] = "v"
			}
		}
	}
	key := func(key string) string {
		return fmt.Sprintf("labels[%q]: the key must be at most 63 lower-case letters, digits, hyphens, underscores and dots, and begin with a letter", key)
	}
	value := func(value string) string {
		return fmt.Sprintf("labels[\"k\"]: the value must be at most 63 lower-case letters, digits, hyphens, underscores and dots, not %q", value)
	}
	long := strings.Repeat("k", 64)
	tests := []jobCase{
		{"a label", label("team_1-a", "blue"), ""},
		{"an empty value", label("team", ""), ""},
		{"letters of other languages", label("équipe", "青"), ""},
		{"a namespace", label("app.kubernetes.io/name", "x"), ""},
		{"an empty key", label("", "v"), key("")},
		{"a capital in the key", label("Team", "v"), key("Team")},
		{"a digit first", label("1a", "v"), key("1a")},
		{"a space in the key", label("a b", "v"), key("a b")},
		{"a key of 64 characters", label(long, "v"), key(long)},
		{"a capital in the value", label("k", "Blue"), value("Blue")},
		{"a value of 64 characters", label("k", long), value(long)},
		{"no namespace before the slash", label("/name", "v"), `labels["/name"]: the part of the key before the slash must be a domain, not ""`},
		{"two slashes", label("a/b/c", "v"), key("a/b/c")},
		{"64 labels", many(64), ""},
		{"65 labels", many(65), "template.labels: at most 64 labels are allowed, not 65"},
	}
	for _, namespace := range []string{"run.googleapis.com", "cloud.googleapis.com", "serving.knative.dev", "autoscaling.knative.dev"} {
		tests = append(tests, jobCase{namespace, label(namespace+"/x", "v"), fmt.Sprintf(
			"labels[%q]: the namespace %s is reserved, set the corresponding field instead", namespace+"/x", namespace)})
	}
	runJobCases(t, tests)
}

func TestValidateAnnotations(t *testing.T) {
	annotation := func(key, value string) func(*runpb.Job) {
		return func(j *runpb.Job) { j.Annotations = map[string]string{key: value} }
	}
	key := func(key string) string {
		return fmt.Sprintf("annotations[%q]: the key must be at most 63 letters, digits, hyphens, underscores and dots, and begin and end with a letter or digit", key)
	}
	runJobCases(t, []jobCase{
		{"an annotation", annotation("example.com/Note_1", "any text: ü\n"), ""},
		{"an empty key", annotation("", "v"), key("")},
		{"a hyphen last", annotation("note-", "v"), key("note-")},
		{"a reserved namespace", annotation("run.googleapis.com/x", "v"), `annotations["run.googleapis.com/x"]: the namespace run.googleapis.com is reserved, set the corresponding field instead`},
		{"a reserved namespace in the template", func(j *runpb.Job) {
			j.Template.Annotations = map[string]string{"serving.knative.dev/x": ""}
		}, `template.annotations["serving.knative.dev/x"]: the namespace serving.knative.dev is reserved, set the corresponding field instead`},
		{"256 KiB", annotation("k", strings.Repeat("v", 256<<10-1)), ""},
		{"more than 256 KiB", annotation("k", strings.Repeat("v", 256<<10)), "annotations: all annotations together are 262145 bytes, at most 262144 are allowed"},
	})
}
