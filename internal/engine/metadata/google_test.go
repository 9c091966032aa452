package metadata_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	gce "cloud.google.com/go/compute/metadata"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2/google"
	"google.golang.org/api/idtoken"
)

// TestGoogleClient checks the values with the library of Google's clients. The library
// caches the project and the instance for the process, so no other test may read them.
func TestGoogleClient(t *testing.T) {
	server := httptest.NewServer(handler(t, config))
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
	record("universe")(client.GetWithContext(ctx, "universe/universe-domain"))
	record("aliases")(client.GetWithContext(ctx, "instance/service-accounts/default/aliases"))
	want := map[string]string{
		"project": "demo-2", "number": "987654321", "zone": "europe-west9-1",
		"region": "projects/987654321/regions/europe-west9", "email": email, "email of itself": email,
		"universe": "googleapis.com", "aliases": "default\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("values of the client (-want +got):\n%s", diff)
	}

	scopes, err := client.ScopesWithContext(ctx, "")
	if diff := cmp.Diff([]string{"https://www.googleapis.com/auth/cloud-platform"}, scopes); err != nil || diff != "" {
		t.Errorf("ScopesWithContext: %v, (-want +got):\n%s", err, diff)
	}
	for name, list := range map[string]func() ([]string, error){
		"InstanceAttributes": func() ([]string, error) { return client.InstanceAttributesWithContext(ctx) },
		"ProjectAttributes":  func() ([]string, error) { return client.ProjectAttributesWithContext(ctx) },
	} {
		if attributes, err := list(); err != nil || strings.Join(attributes, "") != "" {
			t.Errorf("%s = %q, %v, want none", name, attributes, err)
		}
	}
	id, err := client.InstanceIDWithContext(ctx)
	if err != nil || len(id) != 64 {
		t.Errorf("InstanceIDWithContext = %q, %v, want 64 digits", id, err)
	}
	if !client.OnGCEWithContext(ctx) {
		t.Error("OnGCEWithContext = false, want true")
	}
	for name, ask := range map[string]func() (string, error){
		"InstanceAttributeValue": func() (string, error) { return client.InstanceAttributeValueWithContext(ctx, "cluster-name") },
		"InstanceName":           func() (string, error) { return client.InstanceNameWithContext(ctx) },
		"Hostname":               func() (string, error) { return client.HostnameWithContext(ctx) },
	} {
		if value, err := ask(); !isNotDefined(err) {
			t.Errorf("%s = %q, %v, want NotDefinedError, as on Cloud Run", name, value, err)
		}
	}
}

func isNotDefined(err error) bool {
	_, ok := errors.AsType[gce.NotDefinedError](err)
	return ok
}

// TestGoogleTokenSources checks Google's token sources for programs without other
// credentials.
func TestGoogleTokenSources(t *testing.T) {
	authority, h := open(t, config)
	server := httptest.NewServer(h)
	defer server.Close()
	t.Setenv("GCE_METADATA_HOST", server.Listener.Addr().String())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")

	access, err := google.DefaultTokenSource(t.Context(), "https://www.googleapis.com/auth/cloud-platform")
	if err != nil {
		t.Fatal(err)
	}
	if token, err := access.Token(); err != nil || !token.Valid() || !strings.HasPrefix(token.AccessToken, "runwith-") {
		t.Errorf("DefaultTokenSource().Token() = %v, %v, want a valid token", token, err)
	} else if _, err := authority.Check(token.AccessToken); err != nil {
		t.Errorf("Check of the default token = %v, want it accepted", err)
	}
	identity, err := idtoken.NewTokenSource(t.Context(), "https://run.googleapis.com/")
	if err != nil {
		t.Fatal(err)
	}
	token, err := identity.Token()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := authority.Check(token.AccessToken); err != nil || got != email {
		t.Errorf("Check of the identity token = %q, %v, want %q", got, err, email)
	}
}
