package idtoken_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/runwith/runwith/internal/engine/metadata"
	"github.com/runwith/runwith/internal/idtoken"
)

// The engine's metadata server issues tokens that a verifier of its keys accepts.
func TestMetadata(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	authority, err := metadata.Open(metadata.Config{URL: server.URL, Project: "demo", Region: "us-east4"})
	if err != nil {
		t.Fatal(err)
	}
	authority.Register(mux)
	source := idtoken.Metadata(strings.TrimPrefix(server.URL, "http://"))
	token, err := source(t.Context(), "https://runwith.example.com")
	if err != nil {
		t.Fatal(err)
	}
	provider, err := oidc.NewProvider(t.Context(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.Verifier(&oidc.Config{ClientID: "https://runwith.example.com"}).Verify(t.Context(), token); err != nil {
		t.Errorf("token does not verify: %v", err)
	}
	if _, err := source(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "non-empty audience") {
		t.Errorf("without audience: error = %v, want the metadata server's", err)
	}
}

func TestGitHub(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer request-token":
			http.Error(w, "bad credentials", http.StatusUnauthorized)
		case r.URL.Query().Get("api-version") != "2":
			http.Error(w, "the query is lost", http.StatusBadRequest)
		default:
			fmt.Fprintf(w, `{"value":"token for %s"}`, r.URL.Query().Get("audience"))
		}
	}))
	defer server.Close()
	token, err := idtoken.GitHub(server.URL+"?api-version=2", "request-token")(t.Context(), "https://runwith.example.com")
	if err != nil || token != "token for https://runwith.example.com" {
		t.Errorf("token = %q, %v", token, err)
	}
	_, err = idtoken.GitHub(server.URL+"?api-version=2", "other")(t.Context(), "x")
	if err == nil || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), "other") {
		t.Errorf("wrong request token: error = %v, want the status without the token", err)
	}
}

// A token is kept until a minute before its end.
func TestCached(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lifetime time.Duration
		want     int // calls of the source for three tokens
	}{
		"an hour":       {time.Hour, 1},
		"half a minute": {30 * time.Second, 3},
		"ended":         {-time.Hour, 3},
	} {
		calls := 0
		get := idtoken.Cached(func(_ context.Context, audience string) (string, error) {
			calls++
			claims := fmt.Sprintf(`{"aud":%q,"exp":%d}`, audience, time.Now().Add(test.lifetime).Unix())
			return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln", nil
		}, "aud")
		for range 3 {
			if _, err := get(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if calls != test.want {
			t.Errorf("%s: the source was called %d times, want %d", name, calls, test.want)
		}
	}
}
