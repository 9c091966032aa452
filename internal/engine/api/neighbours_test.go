package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
)

// proxied sends a request to another host with the server as its proxy, as gcloud does.
func (s *server) proxied(t *testing.T, method, target string) (status int, answer string) {
	t.Helper()
	proxy, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy), DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), method, target, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(raw)
}

func TestNeighbours(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const (
		own   = `{"projectNumber":"123456789012","projectId":"demo","lifecycleState":"ACTIVE","name":"demo"}`
		other = `{"projectId":"other","lifecycleState":"ACTIVE","name":"other"}`
	)
	enabled := func(parent, service, title string) string {
		return `{"name":"` + parent + `/services/` + service + `","config":{"name":"` + service + `","title":"` + title + `"},"state":"ENABLED","parent":"` + parent + `"}`
	}
	const numbered = "projects/123456789012"
	for _, test := range []struct {
		method, target string
		status         int
		says           string // the answer, or what is in it
	}{
		{"GET", "http://cloudresourcemanager.localhost/v1/projects/demo", 200, own},
		{"GET", "http://cloudresourcemanager.localhost/v1/projects/123456789012", 200, own},
		{"GET", "http://cloudresourcemanager.googleapis.com/v1/projects/other", 200, other},
		{"GET", "http://CloudResourceManager.localhost.:8080/v1/projects/other", 200, other},
		{"GET", s.url + "/v1/projects/demo", 200, own},
		{"GET", "http://cloudresourcemanager.localhost/v1/projects/No_Project", 400, "No_Project"},
		{"GET", "http://cloudresourcemanager.localhost/v1/projects/demo?colour=red", 400, "colour"},
		{"GET", "http://cloudresourcemanager.localhost/v1/projects/demo?fields=name&prettyPrint=false", 200, `{"name":"demo"}`},
		{"GET", "http://cloudresourcemanager.localhost/v1/projects/demo?fields=colour", 400, "fields: colour: is not a field of Project"},
		{"DELETE", "http://cloudresourcemanager.localhost/v1/projects/demo", 404, "DELETE /v1/projects/demo of cloudresourcemanager.googleapis.com is not emulated"},
		{"GET", "http://cloudresourcemanager.localhost/v1/projects", 404, "is not emulated"},
		{"GET", "http://cloudresourcemanager.localhost/v2/" + parent + "/jobs", 404, "is not emulated"},
		{"GET", "http://us-east4-run.localhost/v1/projects/demo", 404, "no API method"},

		{"GET", "http://serviceusage.localhost/v1/projects/demo/services/run.googleapis.com", 200, enabled(numbered, "run.googleapis.com", "Cloud Run Admin API")},
		{"GET", "http://serviceusage.googleapis.com/v1/projects/other/services/logging.googleapis.com", 200, enabled("projects/other", "logging.googleapis.com", "Cloud Logging API")},
		{"GET", s.url + "/v1/projects/demo/services/run.googleapis.com", 200, enabled(numbered, "run.googleapis.com", "Cloud Run Admin API")},
		{"GET", "http://serviceusage.localhost/v1/projects/demo/services/sqladmin.googleapis.com", 404, "run, logging, serviceusage and cloudresourcemanager are"},
		{"POST", "http://serviceusage.localhost/v1/projects/demo/services/run.googleapis.com:enable", 200, `{"name":"operations/noop.DONE_OPERATION","done":true,"response":` +
			`{"@type":"type.googleapis.com/google.api.serviceusage.v1.EnableServiceResponse","service":` + enabled(numbered, "run.googleapis.com", "Cloud Run Admin API") + `}}`},
		{"POST", "http://serviceusage.localhost/v1/projects/demo/services/sqladmin.googleapis.com:enable", 404, "run, logging, serviceusage and cloudresourcemanager are"},
		{"POST", "http://serviceusage.localhost/v1/projects/demo/services/run.googleapis.com:disable", 404, "is not emulated"},
		{"POST", "http://serviceusage.localhost/v1/projects/demo/services:batchEnable", 400, "serviceIds: name at least one"},
		{"GET", "http://serviceusage.localhost/v1/operations/noop.DONE_OPERATION?fields=done&prettyPrint=false", 200, `{"done":true}`},
		{"GET", "http://serviceusage.localhost/v1/operations/other", 404, "does not exist"},
		{"GET", "http://serviceusage.localhost/v1/projects/demo/services?filter=state:ENABLED&fields=services(config/name)&prettyPrint=false", 200,
			`{"services":[{"config":{"name":"cloudresourcemanager.googleapis.com"}},{"config":{"name":"logging.googleapis.com"}},{"config":{"name":"run.googleapis.com"}},{"config":{"name":"serviceusage.googleapis.com"}}]}`},
		{"GET", "http://serviceusage.localhost/v1/projects/demo/services?filter=state:DISABLED&prettyPrint=false&pageSize=200", 200, `{}`},
		{"GET", "http://serviceusage.localhost/v1/projects/demo/services?filter=name:run", 400, "filter: must be state:ENABLED"},
		{"GET", "http://serviceusage.localhost/v1/projects/demo/services?pageToken=x", 400, "pageToken"},
		{"GET", "http://serviceusage.localhost/v1/projects/demo", 404, "is not emulated"},
		{"GET", "http://run.localhost/v1/projects/demo/services/run.googleapis.com", 404, "no API method"},

		{"GET", "http://run.localhost/v1/projects/demo/locations?pageSize=many", 400, "pageSize"},
		{"GET", "http://run.localhost/v1/projects/demo/locations?pageToken=x", 400, "pageToken"},
		{"GET", "http://run.localhost/v1/projects/demo/locations?filter=x", 400, "filter"},
		{"GET", "http://serviceusage.localhost/v1/projects/demo/locations", 404, "is not emulated"},
		{"GET", "http://run.localhost/v2/" + parent + "/jobs", 200, "{}"},
		{"GET", "http://logging.localhost/v2/" + parent + "/jobs", 200, "{}"},
	} {
		target, _, hasQuery := strings.Cut(test.target, "?")
		if !hasQuery {
			test.target = target + "?alt=json&prettyPrint=false"
		}
		status, answer := s.proxied(t, test.method, test.target)
		matches := strings.Contains(answer, test.says)
		if test.status == http.StatusOK {
			matches = strings.TrimSpace(answer) == test.says
		}
		if status != test.status || !matches {
			t.Errorf("%s %s = %d %s, want %d %s", test.method, test.target, status, answer, test.status, test.says)
		}
	}
}

func TestLocations(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	regions := func(project string) (ids []string) {
		status, answer := s.proxied(t, "GET", "http://run.localhost/v1/projects/"+project+"/locations?pageSize=100&alt=json")
		var list struct {
			Locations []struct{ Name, LocationID string }
		}
		if err := json.Unmarshal([]byte(answer), &list); err != nil || status != 200 {
			t.Fatalf("locations of %s = %d %s, %v", project, status, answer, err)
		}
		for _, l := range list.Locations {
			ids = append(ids, l.LocationID)
			if want := "projects/demo/locations/" + l.LocationID; project != "other" && l.Name != want {
				t.Errorf("location of %s has the name %q, want %q", project, l.Name, want)
			}
		}
		return ids
	}
	all := regions("demo")
	if !slices.IsSorted(all) {
		t.Errorf("locations = %q, want them sorted", all)
	}
	for region, want := range map[string]bool{"us-east4": true, "europe-west1": true, "moon-north1": false} {
		if got := slices.Contains(all, region); got != want {
			t.Errorf("locations = %q, contain %s: %t, want %t", all, region, got, want)
		}
	}
	for _, parent := range []string{"projects/demo/locations/moon-north1", "projects/demo/locations/europe-west1", "projects/demo/locations/moon-south1"} {
		if _, err := s.engine.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: helloID, Job: shell("true")}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.engine.DeleteJob(t.Context(), &runpb.DeleteJobRequest{Name: "projects/demo/locations/moon-south1/jobs/hello"}); err != nil {
		t.Fatal(err)
	}
	more := slices.Sorted(slices.Values(append(slices.Clone(all), "moon-north1")))
	if got := regions("123456789012"); !slices.Equal(got, more) {
		t.Errorf("locations = %q, want those before and moon-north1, where there is a job", got)
	}
	if got := regions("other"); !slices.Equal(got, all) {
		t.Errorf("locations of another project = %q, want %q", got, all)
	}
}
