package knative

import (
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	docHeading = regexp.MustCompile("^#+ (.+)$")
	docRow     = regexp.MustCompile("^\\| `([^`]+)` \\| ([^|]+?) \\|")
)

// documented returns the rows of a table in docs/compatibility.md: the second column
// by the first.
func documented(t *testing.T, heading string) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	rows, here := map[string]string{}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if m := docHeading.FindStringSubmatch(line); m != nil {
			here = m[1]
		}
		if m := docRow.FindStringSubmatch(line); m != nil && here == heading {
			rows[m[1]] = m[2]
		}
	}
	return rows
}

// onlyInV1 adds what becomes of the fields of a type that are not stored, at every depth.
func onlyInV1(of reflect.Type, into map[string]string, seen map[reflect.Type]bool) {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct || seen[of] || of == reflect.TypeFor[TemplateMeta]() {
		return
	}
	seen[of] = true
	for field := range of.Fields() {
		switch name := of.Name() + "." + jsonName(field); field.Type {
		case reflect.TypeFor[refused](), reflect.TypeFor[fixed]():
			into[name] = "refused"
		case reflect.TypeFor[ignored]():
			into[name] = "ignored"
		}
		onlyInV1(field.Type, into, seen)
	}
}

func TestFieldsOnlyInV1AreDocumented(t *testing.T) {
	t.Parallel()
	rows := documented(t, "Fields only in v1")
	want := map[string]string{}
	for _, of := range []reflect.Type{reflect.TypeFor[Job](), reflect.TypeFor[Execution](), reflect.TypeFor[Task](), reflect.TypeFor[RunJobRequest]()} {
		onlyInV1(of, want, map[reflect.Type]bool{})
	}
	for field, becomes := range want {
		if rows[field] != becomes {
			t.Errorf("docs/compatibility.md: %s is %q, want %s", field, rows[field], becomes)
		}
	}
	for field, becomes := range rows {
		if want[field] == "" {
			t.Errorf("docs/compatibility.md: %s is %s, but the code stores it", field, becomes)
		}
	}
}

func TestAnnotationsAndLabelsAreDocumented(t *testing.T) {
	t.Parallel()
	var known []string
	for _, a := range jobAnnotations {
		known = append(known, a.key)
	}
	for _, a := range templateAnnotations {
		known = append(known, a.key)
	}
	known = append(known, creatorAnnotation, modifierAnnotation, operationAnnotation)
	wantRows(t, "Annotations of v1", known)
	wantRows(t, "Labels of v1", serversLabels())
}

func wantRows(t *testing.T, heading string, want []string) {
	t.Helper()
	got := slices.Sorted(maps.Keys(documented(t, heading)))
	slices.Sort(want)
	if want = slices.Compact(want); !slices.Equal(got, want) {
		t.Errorf("docs/compatibility.md: %s = %q, want %q", heading, got, want)
	}
}
