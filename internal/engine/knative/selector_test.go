package knative_test

import (
	"strings"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/knative"
)

func TestSelectors(t *testing.T) {
	t.Parallel()
	labels := map[string]string{
		"team": "infra", "empty": "", "in": "x", "run.googleapis.com/job": "hello", "run.googleapis.com/runningState": "Succeeded",
		"run.googleapis.com/lastUpdatedTime": "2026-11-23T07:51:11.500000Z",
	}
	for selector, want := range map[string]bool{
		"":                               true,
		"  ":                             true,
		"team=infra":                     true,
		"team == infra":                  true,
		"team = other":                   false,
		"none = infra":                   false,
		"team=":                          false,
		"empty=":                         true,
		"empty":                          true,
		"team != infra":                  false,
		"team!=other":                    true,
		"none != infra":                  true, // a missing label matches, as in Kubernetes
		"team in (a,infra)":              true,
		"team in (a, b)":                 false,
		"empty in (a,)":                  true,
		"none in (a)":                    false,
		"team notin (a, infra)":          false,
		"team notIn (a)":                 true,
		"none notin (a)":                 true,
		"team":                           true,
		"none":                           false,
		"!team":                          false,
		"! none":                         true,
		"team,none":                      false,
		"team , !none,empty=":            true,
		"in in (x)":                      true,
		"in":                             true,
		"run.googleapis.com/job = hello": true,
		"run.googleapis.com/job = hello, run.googleapis.com/runningState in (Succeeded,Failed)": true,
		"run.googleapis.com/job = hello,run.googleapis.com/runningState in (Running)":           false,
		"run.googleapis.com/lastUpdatedTime=2026-11-23T07:51:11.500000Z":                        true,
	} {
		s, err := knative.ParseSelector(selector)
		if err != nil {
			t.Errorf("ParseSelector(%q) = %v", selector, err)
			continue
		}
		if got := s.Matches(labels); got != want {
			t.Errorf("ParseSelector(%q).Matches() = %v, want %v", selector, got, want)
		}
	}
}

func TestSelectorErrors(t *testing.T) {
	t.Parallel()
	for selector, want := range map[string]string{
		"=a":                        "character 1: expected the key of a label",
		"team=infra,":               "character 12: expected the key of a label",
		"team,,none":                "character 6: expected the key of a label",
		"!":                         "character 2: expected the key of a label",
		"!!a":                       "character 2: expected the key of a label",
		"team infra":                `character 6: expected an operator or a comma, not "infra"`,
		"team = infra none":         `character 14: expected an operator or a comma, not "none"`,
		"team > 5":                  `character 6: expected an operator or a comma, not ">"`,
		"team in infra":             "character 9: expected ( before the values",
		"team in (a b)":             "character 12: expected a comma or ) after a value",
		"téam in (a":                "character 11: expected a comma or ) after a value",
		"team in (a))":              `character 12: expected an operator or a comma, not ")"`,
		strings.Repeat("a", 4097):   "has 4097 bytes, at most 4096 are allowed",
		"team=a\x00b,\"quoted\"\n(": `character 19: expected an operator or a comma, not "("`,
	} {
		_, err := knative.ParseSelector(selector)
		if err == nil || err.Error() != want || runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("ParseSelector(%.40q) = %v, want %q", selector, err, want)
		}
	}
}

func TestSelectorValue(t *testing.T) {
	t.Parallel()
	for selector, want := range map[string]string{
		"a=x":            "x",
		"b=y,a==x":       "x",
		"a in (x)":       "x",
		"a in (x,y)":     "",
		"a!=x":           "",
		"a":              "",
		"a in (y,z),a=x": "x",
		"b=x":            "",
	} {
		s, err := knative.ParseSelector(selector)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := s.Value("a")
		if got != want || ok != (want != "") {
			t.Errorf("ParseSelector(%q).Value(a) = %q, %v; want %q", selector, got, ok, want)
		}
	}
}

func FuzzParseSelector(f *testing.F) {
	for _, seed := range []string{"a=b", "a in (b,c), !d, e!=f", "run.googleapis.com/job = J, g", "((,=!<", "a notin ()"} {
		f.Add(seed, "a", "b")
	}
	f.Fuzz(func(t *testing.T, selector, key, value string) {
		s, err := knative.ParseSelector(selector)
		if err != nil {
			if runwith.CodeOf(err) != runwith.InvalidArgument {
				t.Errorf("ParseSelector(%q) = %v, want INVALID_ARGUMENT", selector, err)
			}
			return
		}
		chosen := s.Matches(map[string]string{key: value})
		if only, ok := s.Value(key); ok && only != value && chosen {
			t.Errorf("ParseSelector(%q) selects %q=%q, but Value returns only %q", selector, key, value, only)
		}
	})
}
