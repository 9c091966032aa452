package guard_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/guard"
)

// TestRule hands over the bodies of one path unchecked, and no other's.
func TestRule(t *testing.T) {
	t.Parallel()
	g := newGuard(t, guard.Config{MaxBody: 10, Rule: func(r *http.Request) (rule guard.Rule) {
		if r.URL.Path == "/raw" {
			rule = guard.Rule{MaxBody: 20, Raw: true}
		}
		return rule
	}})
	h := g.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
		w.Write(body)
	}))
	for _, test := range []struct {
		path, body string
		headers    []string
		want       int
		handed     string
	}{
		{"/raw", strings.Repeat("x", 20), []string{"Content-Type: text/plain", "Content-Encoding: gzip"}, 200, strings.Repeat("x", 20)},
		{"/raw", strings.Repeat("x", 21), nil, 413, strings.Repeat("x", 20)},
		{"/raw", "x", []string{"Origin: http://page.example"}, 403, ""},
		{"/raw", "x", []string{"Sec-Fetch-Site: cross-site"}, 403, ""},
		{"/other", strings.Repeat("x", 11), []string{"Content-Type: application/json"}, 413, ""},
		{"/other", "x", []string{"Content-Type: text/plain"}, 415, ""},
	} {
		r := httptest.NewRequest(http.MethodPost, "http://localhost"+test.path, strings.NewReader(test.body))
		for _, line := range test.headers {
			name, value, _ := strings.Cut(line, ": ")
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != test.want || test.handed != "" && w.Body.String() != test.handed {
			t.Errorf("%s with %d bytes and %q = %d, %q, want %d", test.path, len(test.body), test.headers, w.Code, w.Body, test.want)
		}
	}
}

func TestUnasked(t *testing.T) {
	t.Parallel()
	for contentType, want := range map[string]bool{
		"": true, "text/plain": true, "TEXT/plain; charset=utf-8": true, "application/x-www-form-urlencoded": true, "multipart/form-data; boundary=x": true,
		"text/plain, application/json": true, "/": true,
		"application/json": false, "application/octet-stream": false, "application/cloudevents+json": false,
	} {
		h := http.Header{}
		if contentType != "" {
			h.Set("Content-Type", contentType)
		}
		if got := guard.Unasked(h); got != want {
			t.Errorf("%q: unasked = %v, want %v", contentType, got, want)
		}
	}
	if !guard.Unasked(http.Header{"Content-Type": {"application/json", "text/plain"}}) {
		t.Error("two types count as one of JSON")
	}
}

// Pages of other origins may link to pages for people, and to nothing else. They can neither
// frame such a page, nor read it, nor send it a form.
func TestLinks(t *testing.T) {
	t.Parallel()
	rule := func(r *http.Request) guard.Rule { return guard.Rule{Linked: strings.HasPrefix(r.URL.Path, "/page")} }
	h := newGuard(t, guard.Config{Rule: rule}).Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for _, test := range []struct {
		name, method, path, mode, dest string
		want                           int
	}{
		{"a link to a page", "GET", "/page", "navigate", "document", http.StatusOK},
		{"a link to the API", "GET", "/api", "navigate", "document", http.StatusForbidden},
		{"a frame", "GET", "/page", "navigate", "iframe", http.StatusForbidden},
		{"a script", "GET", "/page", "no-cors", "script", http.StatusForbidden},
		{"fetch", "GET", "/page", "cors", "empty", http.StatusForbidden},
		{"a form", "POST", "/page", "navigate", "document", http.StatusForbidden},
	} {
		for _, site := range []string{"cross-site", "same-site"} {
			r := httptest.NewRequest(test.method, "http://localhost"+test.path, http.NoBody)
			for name, value := range map[string]string{"Sec-Fetch-Site": site, "Sec-Fetch-Mode": test.mode, "Sec-Fetch-Dest": test.dest} {
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code != test.want {
				t.Errorf("%s, %s: status = %d, want %d", test.name, site, w.Code, test.want)
			}
		}
	}
}
