package api

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	jobPath  = "/v2/{name=projects/*/locations/*/jobs/*}"
	jobsPath = "/v2/{parent=projects/*/locations/*}/jobs"
	iamPath  = "/v2/{resource=projects/*/locations/*/jobs/*}:getIamPolicy"
)

// matchPath matches an escaped path.
func matchPath(t *pathTemplate, escaped string) (map[string]string, bool) {
	path, ok := splitPath(escaped)
	if !ok {
		return nil, false
	}
	return t.match(path)
}

func TestPathTemplate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		template, path string
		want           map[string]string // nil: no match
	}{
		{jobPath, "/v2/projects/p/locations/l/jobs/j", map[string]string{"name": "projects/p/locations/l/jobs/j"}},
		{jobPath + ":run", "/v2/projects/p/locations/l/jobs/j:run", map[string]string{"name": "projects/p/locations/l/jobs/j"}},
		{jobPath, "/v2/projects/example.com:p/locations/l/jobs/j", map[string]string{"name": "projects/example.com:p/locations/l/jobs/j"}},
		{jobPath, "/v2/projects/p%20q/locations/l/jobs/j", map[string]string{"name": "projects/p q/locations/l/jobs/j"}},
		{jobsPath, "/v2/projects/p/locations/l/jobs", map[string]string{"parent": "projects/p/locations/l"}},
		{iamPath, "/v2/projects/p/locations/l/jobs/j:getIamPolicy", map[string]string{"resource": "projects/p/locations/l/jobs/j"}},
		{jobPath, "/v2/projects/p/locations/l/jobs/j:run", nil},
		{jobPath, "/v2/projects/p/locations/l/jobs/j:getIamPolicy", nil},
		{jobPath + ":run", "/v2/projects/p/locations/l/jobs/j", nil},
		{jobPath, "/v2/projects/p/locations/l/jobs/", nil},
		{jobPath, "/v2/projects//locations/l/jobs/j", nil},
		{jobPath, "/v2/projects/p/locations/l/jobs/j/executions", nil},
		{jobPath, "/v2/projects/p/locations/l/jobs/a%2Fb", nil}, // a slash in a segment is no separator
		{jobPath, "/v2/projects/p/locations/l/tasks/j", nil},
		{jobPath, "/v2/projects/p/locations/l/jobs/%zz", nil},
	} {
		template, err := compilePath(test.template)
		if err != nil {
			t.Fatalf("compilePath(%q) = %v", test.template, err)
		}
		got, ok := matchPath(template, test.path)
		if ok != (test.want != nil) {
			t.Errorf("%s matches %s: %v, want %v", test.template, test.path, ok, test.want != nil)
		}
		if diff := cmp.Diff(test.want, got); ok && diff != "" {
			t.Errorf("%s matches %s with other fields (-want +got):\n%s", test.template, test.path, diff)
		}
	}
}

func TestBrokenPathTemplate(t *testing.T) {
	t.Parallel()
	if _, err := compilePath("/v2/{name=projects/*"); err == nil {
		t.Error("compilePath() of a template without its } succeeded")
	}
}

// FuzzMatchPath checks that the fields of every match, put into the template, are the path.
func FuzzMatchPath(f *testing.F) {
	for _, seed := range []string{"/v2/projects/p/locations/l/jobs/j", "/v2/projects/p/locations/l/jobs/j:run", "//", ":", "/v2/projects/%2e/locations/:/jobs/:run"} {
		f.Add(seed)
	}
	job, err := compilePath(jobPath + ":run")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path string) {
		fields, ok := matchPath(job, path)
		if !ok {
			return
		}
		unescaped, err := url.PathUnescape(strings.TrimPrefix(path, "/"))
		if err != nil {
			t.Fatalf("%q matches, and is no escaped path: %v", path, err)
		}
		if want := "v2/" + fields["name"] + ":run"; unescaped != want {
			t.Fatalf("%q matches with name %q", path, fields["name"])
		}
		if parts := strings.Split(fields["name"], "/"); len(parts) != 6 || parts[5] == "" {
			t.Fatalf("%q matches with name %q, which is no job's", path, fields["name"])
		}
	})
}
