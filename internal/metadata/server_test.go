package metadata_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	gce "cloud.google.com/go/compute/metadata"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/metadata"
)

const (
	email    = "runner@demo.iam.gserviceaccount.com"
	accounts = "/computeMetadata/v1/instance/service-accounts/"
)

var config = metadata.Config{Project: "demo-2", ProjectNumber: "987654321", Region: "europe-west9", ServiceAccountEmail: email}

// ask sends one request with the header lines "Name: value".
func ask(h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const flavor = "Metadata-Flavor: Google"

func TestValues(t *testing.T) {
	t.Parallel()
	h := metadata.New(config)
	const scope = "https://www.googleapis.com/auth/cloud-platform\n"
	for path, want := range map[string]string{
		"/":                                      "computeMetadata/\n",
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

		"/computeMetadata/v1/":          "instance/\nproject/\n",
		"/computeMetadata/v1/instance/": "id\nregion\nservice-accounts/\nzone\n",
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
	h := metadata.New(config)
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
		{"GET", accounts + "default/?recursive=true", []string{flavor}, http.StatusNotImplemented, "recursive"},
		{"GET", accounts + "default/?recursive", []string{flavor}, http.StatusNotImplemented, "recursive"},
		{"GET", id + "?wait_for_change=true", []string{flavor}, http.StatusNotImplemented, "wait_for_change"},
		{"GET", id + "?alt=json", []string{flavor}, http.StatusNotImplemented, "alt"},
		{"GET", accounts + "default/identity?audience=x", []string{flavor}, http.StatusNotImplemented, "identity tokens"},
		{"GET", "/computeMetadata/v1/universe/universe-domain", []string{flavor}, http.StatusNotFound, "universe-domain"},
		{"GET", "/computeMetadata/v1/project/project-id/", []string{flavor}, http.StatusNotFound, "project-id/"},
		{"GET", "/computeMetadata/v1/proj", []string{flavor}, http.StatusNotFound, "proj"},
		{"GET", accounts + "other/token", []string{flavor}, http.StatusNotFound, "other"},
		{"GET", "/elsewhere", []string{flavor}, http.StatusNotFound, "/elsewhere"},
	} {
		w := ask(h, test.method, test.target, test.header...)
		if got := w.Body.String(); w.Code != test.want || !strings.Contains(got, test.says) {
			t.Errorf("%s %s with %q = %d %q, want %d that says %q", test.method, test.target, test.header, w.Code, got, test.want, test.says)
		}
		if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
			t.Errorf("%s %s: Content-Type = %q, want text/plain", test.method, test.target, got)
		}
	}
}

// Libraries look for the server without saying so.
func TestProbe(t *testing.T) {
	t.Parallel()
	w := ask(metadata.New(metadata.Config{}), "GET", "/")
	if w.Code != http.StatusOK || w.Header().Get("Metadata-Flavor") != "Google" {
		t.Errorf("GET / = %d %v, want 200 and the flavour", w.Code, w.Header())
	}
}

func TestFolderWithoutSlash(t *testing.T) {
	t.Parallel()
	w := ask(metadata.New(config), "GET", "/computeMetadata/v1/instance", flavor)
	if got, want := w.Header().Get("Location"), "/computeMetadata/v1/instance/"; w.Code != http.StatusMovedPermanently || got != want {
		t.Errorf("GET instance = %d, Location %q, want 301 and %q", w.Code, got, want)
	}
}

func TestZeroConfig(t *testing.T) {
	t.Parallel()
	h := metadata.New(metadata.Config{})
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

// The library that Google's clients use. It keeps the project and the instance
// for the whole process, so this test alone may ask it for them.
func TestGoogleClient(t *testing.T) {
	server := httptest.NewServer(metadata.New(config))
	defer server.Close()
	t.Setenv("GCE_METADATA_HOST", server.Listener.Addr().String())
	client, ctx := gce.NewClient(server.Client()), t.Context()

	got := make(map[string]string)
	record := func(name string) func(string, error) {
		return func(value string, err error) {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			got[name] = value
		}
	}
	record("project")(client.ProjectIDWithContext(ctx))
	record("number")(client.NumericProjectIDWithContext(ctx))
	record("zone")(client.ZoneWithContext(ctx))
	record("region")(client.GetWithContext(ctx, "instance/region"))
	record("email")(client.EmailWithContext(ctx, ""))
	record("email of itself")(client.EmailWithContext(ctx, email))
	want := map[string]string{
		"project": "demo-2", "number": "987654321", "zone": "europe-west9-1",
		"region": "projects/987654321/regions/europe-west9", "email": email, "email of itself": email,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the client sees other values (-want +got):\n%s", diff)
	}

	scopes, err := client.ScopesWithContext(ctx, "")
	if diff := cmp.Diff([]string{"https://www.googleapis.com/auth/cloud-platform"}, scopes); err != nil || diff != "" {
		t.Errorf("ScopesWithContext: %v, (-want +got):\n%s", err, diff)
	}
	id, err := client.InstanceIDWithContext(ctx)
	if err != nil || len(id) != 64 {
		t.Errorf("InstanceIDWithContext = %q, %v, want 64 digits", id, err)
	}
	if !client.OnGCEWithContext(ctx) {
		t.Error("OnGCEWithContext = false, want true")
	}
	if _, err := client.GetWithContext(ctx, "universe/universe-domain"); !isNotDefined(err) {
		t.Errorf("GetWithContext(universe/universe-domain) = %v, want NotDefinedError", err)
	}
}

func isNotDefined(err error) bool {
	_, ok := errors.AsType[gce.NotDefinedError](err)
	return ok
}
