package suggest_test

import (
	"testing"

	"github.com/runwith/runwith/internal/suggest"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"containerOverrides", "taskCount", "timeout", "env", "args", "clearArgs"}
	for name, want := range map[string]string{
		"containerOverride": "containerOverrides", "container_overrides": "containerOverrides", "ContainerOverrides": "containerOverrides",
		"taskcount": "taskCount", "tsakCount": "taskCount", "task-count": "taskCount", "taskCuont": "taskCount",
		"timeuot": "timeout", "evn": "env", "envs": "env", "arg": "args", "clear_arg": "clearArgs",
		"": "", "x": "", "image": "", "parallelism": "", "colour": "",
	} {
		if got := suggest.Nearest(name, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		from, to string
		want     int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"kitten", "sitting", 3}, {"ab", "ba", 1}, {"abc", "acb", 1}, {"Straße", "Strasse", 2},
	} {
		if got := suggest.Distance(test.from, test.to); got != test.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", test.from, test.to, got, test.want)
		}
	}
}

func TestUnknown(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		known []string
		want  string
	}{
		{"evn", []string{"args", "env"}, "is not a field of Container, did you mean env? (its fields: args, env)"},
		{"colour", []string{"args", "env"}, "is not a field of Container (its fields: args, env)"},
		{"colour", nil, "is not a field of Container"},
	} {
		if got := suggest.Unknown(test.name, "Container", test.known); got != test.want {
			t.Errorf("Unknown(%q, %q) = %q, want %q", test.name, test.known, got, test.want)
		}
	}
}
