package metadata_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/runwith/runwith/internal/engine/metadata"
)

const (
	email    = "runner@demo.iam.gserviceaccount.com"
	accounts = "/computeMetadata/v1/instance/service-accounts/"
)

var config = metadata.Config{Project: "demo-2", ProjectNumber: "987654321", Region: "europe-west9", ServiceAccountEmail: email}

// noon is the time of stopped clocks.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// stopped returns c with a stopped clock.
func stopped(c metadata.Config, now time.Time) metadata.Config {
	c.Now = func() time.Time { return now }
	return c
}

// open returns an Authority and its handler.
func open(t testing.TB, c metadata.Config) (*metadata.Authority, http.Handler) {
	t.Helper()
	authority, err := metadata.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	authority.Register(mux)
	return authority, mux
}

// handler returns the handler of an Authority.
func handler(t testing.TB, c metadata.Config) http.Handler {
	t.Helper()
	_, h := open(t, c)
	return h
}

// ask sends one request with header lines of the form "Name: value".
func ask(h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	return answer(h, r)
}

func answer(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const flavor = "Metadata-Flavor: Google"

func TestValues(t *testing.T) {
	t.Parallel()
	h := handler(t, config)
	const scope = "https://www.googleapis.com/auth/cloud-platform\n"
	for path, want := range map[string]string{
		"/":                                      "computeMetadata/\n",
		"/computeMetadata/":                      "v1/\n",
		"/computeMetadata/v1/project/project-id": "demo-2",
		"/computeMetadata/v1/project/numeric-project-id": "987654321",
		"/computeMetadata/v1/instance/region":            "projects/987654321/regions/europe-west9",
		"/computeMetadata/v1/instance/zone":              "projects/987654321/zones/europe-west9-1",

		accounts + "default/email":                                   email,
		accounts + "default/aliases":                                 "default\n",
		accounts + "default/scopes":                                  scope,
		accounts + email + "/email":                                  email,
		accounts + email + "/aliases":                                "default\n",
		accounts + email + "/scopes":                                 scope,
		accounts + strings.ReplaceAll(email, "@", "%40") + "/email":  email,
		accounts + "default/email?recursive=false&wait_for_change=0": email,

		"/computeMetadata/v1/universe/universe-domain": "googleapis.com",
		"/computeMetadata/v1/instance/attributes/":     "",
		"/computeMetadata/v1/project/attributes/":      "",

		"/computeMetadata/v1/":          "instance/\nproject/\nuniverse/\n",
		"/computeMetadata/v1/instance/": "attributes/\nid\nregion\nservice-accounts/\nzone\n",
		"/computeMetadata/v1/project/":  "attributes/\nnumeric-project-id\nproject-id\n",
		accounts:                        "default/\n" + email + "/\n",
		accounts + "default/":           "aliases\nemail\nidentity\nscopes\ntoken\n",
	} {
		w := ask(h, "GET", path, flavor)
		if got := w.Body.String(); w.Code != http.StatusOK || got != want {
			t.Errorf("GET %s = %d %q, want %q", path, w.Code, got, want)
		}
		if got := w.Header().Get("Metadata-Flavor"); got != "Google" {
			t.Errorf("GET %s: Metadata-Flavor = %q, want Google", path, got)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	h := handler(t, config)
	const id = "/computeMetadata/v1/project/project-id"
	for _, test := range []struct {
		method, target string
		header         []string
		want           int
		says           string
	}{
		{"GET", id, nil, http.StatusForbidden, "Metadata-Flavor: Google"},
		{"GET", id, []string{"Metadata-Flavor: google"}, http.StatusForbidden, "Metadata-Flavor: Google"},
		{"GET", id, []string{flavor, "X-Forwarded-For: 192.0.2.1"}, http.StatusForbidden, "X-Forwarded-For"},
		{"GET", "/", []string{"X-Forwarded-For: "}, http.StatusForbidden, "X-Forwarded-For"},
		{"GET", accounts + "default/token", nil, http.StatusForbidden, "Metadata-Flavor: Google"},
		{"POST", accounts + "default/token", []string{flavor}, http.StatusMethodNotAllowed, "GET"},
		{"GET", id + "?wait_for_change=true", []string{flavor}, http.StatusBadRequest, "wait_for_change: no value of this metadata server changes"},
		{"GET", "/computeMetadata/v1/?recursive=true&wait_for_change", []string{flavor}, http.StatusBadRequest, "ask without it"},
		{"GET", id + "?wait_for_change=often", []string{flavor}, http.StatusBadRequest, "wait_for_change: must be true or false, not \"often\""},
		{"GET", id + "?recursive=1.5", []string{flavor}, http.StatusBadRequest, "recursive: "},
		{"GET", id + "?alt=json&alt=text", []string{flavor}, http.StatusBadRequest, "alt: takes one value, not 2"},
		{"GET", id + "?alt=xml", []string{flavor}, http.StatusBadRequest, "alt: must be json or text, not \"xml\""},
		{"GET", accounts + "default/identity", []string{flavor}, http.StatusBadRequest, "non-empty audience parameter required"},
		{"GET", accounts + "default/identity?audience=", []string{flavor}, http.StatusBadRequest, "non-empty audience parameter required"},
		{"GET", accounts + "default/identity?audience=a&format=long", []string{flavor}, http.StatusBadRequest, "format: must be standard or full, not \"long\""},
		{"GET", accounts + "default/identity?audience=a&licenses=some", []string{flavor}, http.StatusBadRequest, "licenses: "},
		{"GET", accounts + "default/identity?audience=a", nil, http.StatusForbidden, "Metadata-Flavor: Google"},
		{"GET", "/computeMetadata/v1/instance/attributes/cluster-name", []string{flavor}, http.StatusNotFound, "cluster-name"},
		{"GET", "/computeMetadata/v2/", []string{flavor}, http.StatusNotFound, "/computeMetadata/v2/"},
		{"GET", "/computeMetadata/v1/project/project-id/", []string{flavor}, http.StatusNotFound, "project-id/"},
		{"GET", "/computeMetadata/v1/proj", []string{flavor}, http.StatusNotFound, "proj"},
		{"GET", accounts + "other/token", []string{flavor}, http.StatusNotFound, "other"},
	} {
		w := ask(h, test.method, test.target, test.header...)
		if got := w.Body.String(); w.Code != test.want || !strings.Contains(got, test.says) {
			t.Errorf("%s %s with %q = %d %q, want %d with %q", test.method, test.target, test.header, w.Code, got, test.want, test.says)
		}
		if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
			t.Errorf("%s %s: Content-Type = %q, want text/plain", test.method, test.target, got)
		}
	}
}

// TestProbe checks that / answers without the header Metadata-Flavor, as libraries
// expect.
func TestProbe(t *testing.T) {
	t.Parallel()
	w := ask(handler(t, metadata.Config{}), "GET", "/")
	if w.Code != http.StatusOK || w.Header().Get("Metadata-Flavor") != "Google" {
		t.Errorf("GET / = %d %v, want 200 and the flavour", w.Code, w.Header())
	}
}

func TestFolderWithoutSlash(t *testing.T) {
	t.Parallel()
	h := handler(t, config)
	for target, want := range map[string]string{
		"/computeMetadata/v1":                                  "/computeMetadata/v1/",
		"/computeMetadata/v1/instance":                         "/computeMetadata/v1/instance/",
		"/computeMetadata/v1/instance?recursive=true&alt=text": "/computeMetadata/v1/instance/?recursive=true&alt=text",
		accounts + "runner%40demo.iam.gserviceaccount.com":     accounts + "runner%40demo.iam.gserviceaccount.com/",
	} {
		w := ask(h, "GET", target, flavor)
		if got := w.Header().Get("Location"); w.Code != http.StatusMovedPermanently || got != want {
			t.Errorf("GET %s = %d, Location %q, want 301 and %q", target, w.Code, got, want)
		}
	}
}

func TestZeroConfig(t *testing.T) {
	t.Parallel()
	h := handler(t, metadata.Config{})
	for path, want := range map[string]string{
		"/computeMetadata/v1/project/project-id": "demo",
		"/computeMetadata/v1/instance/region":    "projects/123456789012/regions/us-east4",
		accounts + "default/email":               "123456789012-compute@developer.gserviceaccount.com",
	} {
		if got := ask(h, "GET", path, flavor).Body.String(); got != want {
			t.Errorf("GET %s = %q, want %q", path, got, want)
		}
	}
}

func TestBadProjectNumber(t *testing.T) {
	t.Parallel()
	if _, err := metadata.Open(metadata.Config{ProjectNumber: "demo"}); err == nil || !strings.Contains(err.Error(), `project number "demo": must be digits`) {
		t.Errorf("Open = %v, want an error with the project number", err)
	}
}
