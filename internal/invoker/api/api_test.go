package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUnmatched(t *testing.T) {
	t.Parallel()
	server := serve(t, &fake{})
	tests := []struct {
		method, path string
		status       int
		code, allow  string
	}{
		{"GET", "/", 404, "NOT_FOUND", ""},
		{"GET", "/api/v1/nowhere", 404, "NOT_FOUND", ""},
		{"GET", "/docs", 404, "NOT_FOUND", ""},
		{"GET", "/schemas/Invocation.json", 404, "NOT_FOUND", ""},
		{"GET", "/api/v1/openapi.yaml", 404, "NOT_FOUND", ""},
		{"POST", "/api/v1/nowhere", 404, "NOT_FOUND", ""},
		{"DELETE", "/api/v1/invocations/inv-1", 405, "UNIMPLEMENTED", "GET, HEAD"},
		{"OPTIONS", "/api/v1/jobs", 405, "UNIMPLEMENTED", "GET, HEAD"},
		{"GET", "/api/v1/jobs/test-job/invocations", 405, "UNIMPLEMENTED", "POST"},
	}
	for _, test := range tests {
		got := ask(t, server, test.method+" "+test.path, "")
		p := got.problem(t)
		if got.status != test.status || p.Code != test.code || got.header.Get("Allow") != test.allow {
			t.Errorf("%s %s = %d %s, Allow %q, want %d %s, Allow %q", test.method, test.path,
				got.status, p.Code, got.header.Get("Allow"), test.status, test.code, test.allow)
		}
		if !strings.Contains(p.Detail, test.path) {
			t.Errorf("%s %s: detail %q does not name the path", test.method, test.path, p.Detail)
		}
	}
}

func TestDocument(t *testing.T) {
	t.Parallel()
	got := ask(t, serve(t, &fake{}), "GET /api/v1/openapi.json", "")
	var document struct {
		OpenAPI string                                `json:"openapi"`
		Info    struct{ Version string }              `json:"info"`
		Paths   map[string]map[string]json.RawMessage `json:"paths"`
		Parts   struct {
			Schemas map[string]struct {
				Properties map[string]json.RawMessage `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal([]byte(got.body), &document); err != nil {
		t.Fatalf("openapi.json: %v", err)
	}
	if !strings.HasPrefix(document.OpenAPI, "3.1.") || document.Info.Version != "v1.2.3" {
		t.Errorf("openapi.json = OpenAPI %q of version %q, want 3.1.x of v1.2.3", document.OpenAPI, document.Info.Version)
	}
	routes := map[string][]string{}
	for path, methods := range document.Paths {
		for method := range methods {
			routes[path] = append(routes[path], method)
		}
	}
	want := map[string][]string{
		"/api/v1/tick":                         {"post"},
		"/api/v1/triggers/{name}":              {"post"},
		"/healthz":                             {"get"},
		"/readyz":                              {"get"},
		"/api/v1/budgets":                      {"get"},
		"/api/v1/jobs":                         {"get"},
		"/api/v1/jobs/{job}":                   {"get"},
		"/api/v1/jobs/{job}/invocations":       {"post"},
		"/api/v1/invocations":                  {"get"},
		"/api/v1/invocations/{id}:rerun":       {"post"},
		"/api/v1/jobs/{job}/invocations:batch": {"post"},
		"/api/v1/jobs/{job}:estimate":          {"get"}, "/api/v1/usage": {"get"},
		"/api/v1/invocations/{id}":         {"get"},
		"/api/v1/invocations/{id}/cancel":  {"post"},
		"/api/v1/invocations/{id}/resolve": {"post"},
		"/api/v1/invocations/{id}/changes": {"get"},
		"/api/v1/invocations/{id}/logs":    {"get"},
		"/api/v1/invocations/{id}/tasks":   {"get"},
	}
	if diff := cmp.Diff(want, routes); diff != "" {
		t.Errorf("routes of openapi.json (-want +got):\n%s", diff)
	}
	for name, schema := range document.Parts.Schemas {
		if _, ok := schema.Properties["$schema"]; ok || name == "ErrorModel" {
			t.Errorf("schema %s is huma's, not ours", name)
		}
	}
	for _, name := range []string{"Invocation", "StartRequest", "Parameter", "Job", "LogLine", "Problem"} {
		if len(document.Parts.Schemas[name].Properties) == 0 {
			t.Errorf("openapi.json has no schema %s", name)
		}
	}
}
