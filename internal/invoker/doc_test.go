package invoker

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPartsAreDocumented compares the list of parts in doc.go with the parts of an Invoker.
func TestPartsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	const letters = 4 // cancel and canceller
	var documented, parts []string
	for _, line := range regexp.MustCompile(`(?m)^//   - (\w+) \(([a-z., ]+)\)`).FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, line[1][:letters])
		for file := range strings.SplitSeq(line[2], ", ") {
			if _, err := os.Stat(file); err != nil {
				t.Errorf("part %s: %v", line[1], err)
			}
		}
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Invoker]()) {
		if of := field.Type; of.Kind() == reflect.Pointer && of.Elem().Kind() == reflect.Struct {
			if embedded, ok := of.Elem().FieldByName("base"); ok && embedded.Type == reflect.TypeFor[*base]() {
				parts = append(parts, of.Elem().Name()[:letters])
			}
		}
	}
	slices.Sort(documented)
	slices.Sort(parts)
	if diff := cmp.Diff(parts, documented); diff != "" {
		t.Errorf("parts, by their first letters (-Invoker +doc.go):\n%s", diff)
	}
	if number := "An [Invoker] has ten parts."; len(parts) != 10 || !strings.Contains(string(text), number) {
		t.Errorf("an Invoker has %d parts, want doc.go to say so: %s", len(parts), number)
	}
}
