package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/server"
)

const browserAccepts = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

// A browser sees a page at the root. Programs, and libraries that look for a metadata
// server, get the site's own answer.
func TestPage(t *testing.T) {
	t.Parallel()
	site := &server.Site{
		Links: []server.Link{{Path: "/v2/jobs?a=1&b=2", Text: "<Jobs>"}},
		Routes: []server.Route{{Pattern: "/", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("computeMetadata/\n"))
		})}},
	}
	s := start(t, server.Config{Version: "v1.2.3"}, site)
	response, body := s.get(t, "/", "Accept", browserAccepts)
	if ct := response.Header.Get("Content-Type"); response.StatusCode != 200 || ct != "text/html; charset=utf-8" {
		t.Errorf("page = %s %s, want 200 text/html", response.Status, ct)
	}
	for _, want := range []string{
		"Version v1.2.3", `<a href="/v2/jobs?a=1&amp;b=2">&lt;Jobs&gt;</a>`, `href="/readyz"`, `href="/metrics"`,
		"https://github.com/runwith/runwith",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("page lacks %q:\n%s", want, body)
		}
	}
	policy := response.Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") {
		t.Errorf("Content-Security-Policy = %q, want that nothing but the style is allowed", policy)
	}
	for name, headers := range map[string][]string{
		"a program":                        {"Accept", "*/*"},
		"a program without Accept":         nil,
		"a library in search of metadata":  {"Metadata-Flavor", "Google"},
		"a page in search of the metadata": {"Metadata-Flavor", "Google", "Accept", browserAccepts},
	} {
		if _, body := s.get(t, "/", headers...); body != "computeMetadata/\n" {
			t.Errorf("%s gets %q at the root, want the site's answer", name, body)
		}
	}
	if _, body := s.get(t, "/other", "Accept", browserAccepts); body != "computeMetadata/\n" {
		t.Errorf("at another path a browser gets %q, want the site's answer", body)
	}
}

// If a site has pages, a browser gets one of them for a path that no route has. Programs get the
// answer of the route.
func TestPageOfUnknownPath(t *testing.T) {
	t.Parallel()
	text := func(s string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(s)) })
	}
	s := start(t, server.Config{}, &server.Site{Root: text("page"), Routes: []server.Route{
		{Pattern: "/", Handler: text("api"), Has: func(r *http.Request) bool { return r.URL.Path == "/v2/jobs" }},
		{Pattern: "/api/", Handler: text("invoker")},
	}})
	for _, test := range []struct{ path, accept, want string }{
		{"/nothing", browserAccepts, "page"}, {"/nothing", "*/*", "api"}, {"/nothing", "text/event-stream", "api"}, {"/nothing", "", "api"},
		{"/v2/jobs", browserAccepts, "api"}, {"/api/nothing", browserAccepts, "invoker"},
	} {
		if _, body := s.get(t, test.path, "Accept", test.accept); body != test.want {
			t.Errorf("%s for %q = %q, want %q", test.path, test.accept, body, test.want)
		}
	}
}
