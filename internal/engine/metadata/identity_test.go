package metadata_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/idtoken"
	"google.golang.org/api/option"

	"github.com/runwith/runwith/internal/engine/metadata"
)

const audience = "https://callback.example/hook?a=1&b=2"

// issuer starts a server whose tokens contain its actual URL.
func issuer(t *testing.T, c metadata.Config) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	c.URL = "http://" + server.Listener.Addr().String()
	server.Config.Handler = handler(t, c)
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// TestIdentityTokenIsVerifiedByDiscovery checks that the issuer's published documents
// suffice to verify a token.
func TestIdentityTokenIsVerifiedByDiscovery(t *testing.T) {
	t.Parallel()
	server := issuer(t, config)
	provider, err := oidc.NewProvider(t.Context(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	raw := askIdentity(t, server.Config.Handler, audience, "")
	for _, test := range []struct {
		name  string
		token string
		for_  string
		says  string
	}{
		{"as issued", raw, audience, ""},
		{"for another audience", raw, "https://other.example", "expected audience"},
		{"with other claims", tampered(raw, 1), audience, ""},
		{"with another signature", tampered(raw, 2), audience, "failed to verify"},
	} {
		token, err := provider.Verifier(&oidc.Config{ClientID: test.for_}).Verify(t.Context(), test.token)
		if got, want := err == nil, test.name == "as issued"; got != want || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: Verify = %+v, %v, want acceptance = %t, or an error with %q", test.name, token, err, want, test.says)
		}
	}
	elsewhere := oidc.NewVerifier("https://accounts.google.com", oidc.NewRemoteKeySet(t.Context(), server.URL+"/oauth2/v3/certs"), &oidc.Config{ClientID: audience})
	if token, err := elsewhere.Verify(t.Context(), raw); err == nil || !strings.Contains(err.Error(), "issued by a different provider") {
		t.Errorf("Verify with Google as the issuer = %+v, %v, want it refused", token, err)
	}
}

// toIssuer redirects requests for Google's keys to a test server.
type toIssuer struct{ server *httptest.Server }

func (to toIssuer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", to.server.Listener.Addr().String()
	return to.server.Client().Transport.RoundTrip(r)
}

// TestIdentityTokenIsVerifiedByGooglesLibrary checks that Google's own verifier accepts
// the tokens with the published keys.
func TestIdentityTokenIsVerifiedByGooglesLibrary(t *testing.T) {
	t.Parallel()
	server := issuer(t, config)
	validator, err := idtoken.NewValidator(t.Context(), option.WithHTTPClient(&http.Client{Transport: toIssuer{server}}))
	if err != nil {
		t.Fatal(err)
	}
	raw := askIdentity(t, server.Config.Handler, audience, "&format=full")
	payload, err := validator.Validate(t.Context(), raw, audience)
	if err != nil || payload.Issuer != server.URL {
		t.Errorf("Validate = %+v, %v, want a token of %s", payload, err, server.URL)
	}
	if payload, err := validator.Validate(t.Context(), tampered(raw, 2), audience); err == nil {
		t.Errorf("Validate of a tampered token = %+v, want an error", payload)
	}
}

func TestIdentityClaims(t *testing.T) {
	t.Parallel()
	server := issuer(t, stopped(config, noon))
	instance := ask(server.Config.Handler, "GET", "/computeMetadata/v1/instance/id", flavor).Body.String()
	standard := map[string]any{
		"iss": server.URL, "aud": audience, "email": email, "email_verified": true,
		"iat": float64(noon.Unix()), "exp": float64(noon.Add(time.Hour).Unix()),
	}
	full := map[string]any{"google": map[string]any{"compute_engine": map[string]any{
		"project_id": "demo-2", "project_number": 987654321.0, "zone": "europe-west9-1",
		"instance_id": instance, "instance_creation_timestamp": float64(noon.Unix()),
	}}}
	maps.Copy(full, standard)
	for query, want := range map[string]map[string]any{
		"": standard, "&format=standard": standard, "&format=full": full, "&format=full&licenses=TRUE": full, "&licenses=FALSE": standard,
	} {
		payload, err := idtoken.ParsePayload(askIdentity(t, server.Config.Handler, audience, query))
		if err != nil {
			t.Fatal(err)
		}
		got := payload.Claims
		if id, err := strconv.ParseFloat(got["sub"].(string), 64); err != nil || id < 1e20 || got["azp"] != got["sub"] {
			t.Errorf("%q: sub = %v, azp = %v, want the same 21 digits", query, got["sub"], got["azp"])
		}
		delete(got, "sub")
		delete(got, "azp")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: claims (-want +got):\n%s", query, diff)
		}
	}
}

func TestSubjectDependsOnTheAccount(t *testing.T) {
	t.Parallel()
	subject := func(c metadata.Config) string {
		payload, err := idtoken.ParsePayload(askIdentity(t, handler(t, c), audience, ""))
		if err != nil {
			t.Fatal(err)
		}
		return payload.Subject
	}
	if a, b := subject(config), subject(config); a != b {
		t.Errorf("subjects of one account = %s and %s, want them equal", a, b)
	}
	if a, b := subject(config), subject(metadata.Config{}); a == b {
		t.Errorf("subjects of two accounts = %s, want them to differ", a)
	}
}

// TestPublishedKeys checks that the published key contains no secret.
func TestPublishedKeys(t *testing.T) {
	t.Parallel()
	w := ask(handler(t, config), "GET", "/oauth2/v3/certs")
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("GET certs = %d %s, %v, want one key", w.Code, w.Body, err)
	}
	key := set.Keys[0]
	for _, name := range []string{"kid", "n", "e"} {
		if key[name] == "" {
			t.Errorf("published key = %v, want it to have %s", key, name)
		}
		delete(key, name)
	}
	if diff := cmp.Diff(map[string]string{"kty": "RSA", "alg": "RS256", "use": "sig"}, key); diff != "" {
		t.Errorf("other members of the key (-want +got):\n%s", diff)
	}
}
