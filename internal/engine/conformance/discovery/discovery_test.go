package discovery_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/engine/conformance/discovery"
)

func load(t *testing.T, version string) *discovery.Document {
	t.Helper()
	d, err := discovery.Load(version)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestCheck(t *testing.T) {
	t.Parallel()
	documents := map[string]*discovery.Document{"v1": load(t, "v1"), "v2": load(t, "v2")}
	const (
		job1 = "/apis/run.googleapis.com/v1/namespaces/demo/jobs/hello"
		job2 = "/v2/projects/demo/locations/us-east4/jobs/hello"
	)
	for _, test := range []struct {
		version, call, body string
		id                  string
		deviations          []string
	}{
		{"v1", "GET " + job1, `{"kind":"Job","metadata":{"generation":1,"labels":{"a":"b"}}}`, "run.namespaces.jobs.get", nil},
		{"v1", "POST " + job1 + ":run", `{"metadata":{"name":"x"}}`, "run.namespaces.jobs.run", nil},
		{"v1", "GET /elsewhere", `{"a":1}`, "", nil},
		{"v1", "GET " + job1, `{"kinds":1}`, "run.namespaces.jobs.get", []string{"answer: has the unknown field kinds"}},
		{"v1", "GET " + job1, `{"metadata":{"generation":"1"}}`, "run.namespaces.jobs.get", []string{`answer.metadata.generation: is "1", want a number`}},
		{"v1", "GET " + job1, `{"metadata":{"creationTimestamp":"now"}}`, "run.namespaces.jobs.get",
			[]string{`answer.metadata.creationTimestamp: is "now", want the format google-datetime`}},
		{"v1", "GET " + job1, `{"spec":{"template":{"spec":{"template":{"spec":{"timeoutSeconds":600}}}}}}`, "run.namespaces.jobs.get",
			[]string{"answer.spec.template.spec.template.spec.timeoutSeconds: is 600, want a string"}},
		{"v1", "GET " + job1, `[]`, "run.namespaces.jobs.get", []string{"answer: is [], want an object"}},
		{"v1", "GET " + job1, `no`, "run.namespaces.jobs.get", []string{"the answer is no JSON: invalid character 'o' in literal null (expecting 'u')"}},
		{"v2", "GET " + job2, `{"launchStage":"GA","generation":"1"}`, "run.projects.locations.jobs.get", nil},
		{"v2", "GET " + job2, `{"launchStage":4}`, "run.projects.locations.jobs.get", nil},
		{"v2", "GET " + job2, `{"generation":"one","reconciling":1,"executionCount":2147483648}`, "run.projects.locations.jobs.get",
			[]string{"answer.executionCount: is 2147483648, want the format int32", `answer.generation: is "one", want the format int64`, "answer.reconciling: is 1, want a boolean"}},
		{"v2", "POST " + job2 + ":run", `{"metadata":{"@type":"type.googleapis.com/google.cloud.run.v2.Execution","tasks":1}}`, "run.projects.locations.jobs.run",
			[]string{"answer.metadata: has the unknown field tasks"}},
		{"v2", "POST " + job2 + ":run", `{"metadata":{"@type":"type.googleapis.com/other"}}`, "run.projects.locations.jobs.run",
			[]string{"answer.metadata: has the unknown type type.googleapis.com/other"}},
	} {
		method, path, _ := strings.Cut(test.call, " ")
		id, deviations := documents[test.version].Check(method, path, []byte(test.body))
		if diff := cmp.Diff(test.deviations, deviations); id != test.id || diff != "" {
			t.Errorf("Check(%s, %s) = %q, want %q; deviations (-want +got):\n%s", test.call, test.body, id, test.id, diff)
		}
	}
	_, deviations := documents["v2"].Check("GET", job2, []byte(`{"launchStage":"NEVER"}`))
	if len(deviations) != 1 || !strings.Contains(deviations[0], `is "NEVER", want one of`) {
		t.Errorf("Check of an unknown enum value = %q, want one deviation", deviations)
	}
}

// failures collects the failures of a test.
type failures struct {
	testing.TB
	all []string
}

func (f *failures) Errorf(format string, _ ...any) { f.all = append(f.all, format) }

func TestWatch(t *testing.T) {
	t.Parallel()
	const call = "/v2/projects/demo/locations/us-east4/jobs/hello"
	for _, test := range []struct {
		name     string
		status   int
		body     string
		failures int
	}{
		{"an answer", 200, `{"launchStage":"GA"}`, 0},
		{"an unknown field", 200, `{"stage":"GA"}`, 1},
		{"an error", 404, `{"error":{"code":404,"message":"job does not exist","status":"NOT_FOUND"}}`, 0},
		{"an error with another code", 404, `{"error":{"code":400,"message":"job does not exist","status":"NOT_FOUND"}}`, 1},
		{"an error with an unknown status", 404, `{"error":{"code":404,"message":"job does not exist","status":"GONE"}}`, 1},
		{"an error in text", 404, `not found`, 1},
	} {
		f := &failures{TB: t}
		w := discovery.NewWatch(f, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(test.status)
			_, _ = io.WriteString(w, test.body)
		}))
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, httptest.NewRequest("GET", call, nil))
		if rec.Code != test.status || rec.Body.String() != test.body {
			t.Errorf("%s: the caller got %d %s, want the answer unchanged", test.name, rec.Code, rec.Body)
		}
		if len(f.all) != test.failures {
			t.Errorf("%s: %d failures, want %d", test.name, len(f.all), test.failures)
		}
		if want := test.status == 200; slices.Contains(w.Seen(), "run.projects.locations.jobs.get") != want {
			t.Errorf("%s: Seen() = %v, want the method in it = %t", test.name, w.Seen(), want)
		}
	}
}
