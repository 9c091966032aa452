package api_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/engine/conformance/discovery"
)

// v1Headings are the headings of the tables about v1 in docs/compatibility.md. The tests of
// package knative check the last three.
var v1Headings = []string{v1MethodsHeading, "Fields only in v1", "Annotations of v1", "Labels of v1"}

const v1MethodsHeading = "Cloud Run v1"

// v1Resource is a resource in Google's discovery document.
type v1Resource struct {
	Resources map[string]v1Resource
	Methods   map[string]struct{ HTTPMethod, Path string }
}

// v1Discovery returns the methods of Cloud Run's v1 API.
func v1Discovery(t *testing.T) map[string]v1Resource {
	t.Helper()
	raw, err := discovery.Read("v1")
	if err != nil {
		t.Fatal(err)
	}
	var document v1Resource
	if err := json.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	return document.Resources["namespaces"].Resources
}

func TestMethodsOfV1MatchTheCompatibilityTable(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	rows := maps.Clone(readCompatibility(t)[v1MethodsHeading])
	for collection, resource := range v1Discovery(t) {
		if collection != "jobs" && collection != "executions" && collection != "tasks" {
			continue
		}
		for method, m := range resource.Methods {
			name := "namespaces." + collection + "." + method
			says := rows[name]
			delete(rows, name)
			path := strings.NewReplacer("{+parent}", "namespaces/demo", "{+name}", "namespaces/demo/"+collection+"/x").Replace(m.Path)
			_, answer := s.call(t, m.HTTPMethod, "/"+path, "{}")
			served := !strings.Contains(answer, "no API method") && !strings.Contains(answer, "is no method of")
			if served != (says == "served") {
				t.Errorf("docs/compatibility.md: %s is %q, and it answers %s", name, says, answer)
			}
		}
	}
	for row := range rows {
		t.Errorf("docs/compatibility.md speaks of %s, which does not exist", row)
	}
}
