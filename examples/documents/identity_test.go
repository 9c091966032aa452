package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestIdentityTokenRefused asks a metadata server that has no service account.
func TestIdentityTokenRefused(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(server.URL, "http://"))
	_, err := identityToken("https://runwith.example.com")(t.Context())
	if want := "get an ID token: the metadata server answered 404 Not Found"; err == nil || err.Error() != want {
		t.Errorf("error = %v, want %s", err, want)
	}
}
