package guard_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/guard"
)

// gzipped returns text in compressed form.
func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestContentEncoding(t *testing.T) {
	t.Parallel()
	addr := serve(t, newGuard(t, guard.Config{MaxBody: 1000}).Wrap(echo))
	const json = "Content-Type: application/json"
	large, bomb := strings.Repeat(" ", 1000), strings.Repeat(" ", 1001)
	for _, test := range []struct {
		name, body string
		header     []string
		status     int
		says       string // the answer, or a part of it
	}{
		{"gzip", gzipped(t, `{"a":1}`), []string{"Content-Encoding: gzip", json}, 200, `{"a":1}`},
		{"gzip by its old name", gzipped(t, `{"a":1}`), []string{"Content-Encoding: X-GZIP", json}, 200, `{"a":1}`},
		{"gzip of a type that is bytes", gzipped(t, "{}"), []string{"Content-Encoding: gzip", "Content-Type: application/octet-stream"}, 200, "{}"},
		{"several gzips in one", gzipped(t, "{") + gzipped(t, "}"), []string{"Content-Encoding: gzip", json}, 200, "{}"},
		{"gzip of nothing", gzipped(t, ""), []string{"Content-Encoding: gzip", json}, 200, ""},
		{"no body", "", []string{"Content-Encoding: gzip", json}, 200, ""},
		{"identity", "{}", []string{"Content-Encoding: identity", json}, 200, "{}"},
		{"just fits", gzipped(t, large), []string{"Content-Encoding: gzip", json}, 200, large},
		{"too large once expanded", gzipped(t, bomb), []string{"Content-Encoding: gzip", json}, 413, "larger than 1000 bytes"},
		{"far too large once expanded", gzipped(t, strings.Repeat(" ", 100_000)), []string{"Content-Encoding: gzip", json}, 413, "larger than 1000 bytes"},
		{"no gzip", "{}", []string{"Content-Encoding: gzip", json}, 400, "not complete gzip"},
		{"half of it", gzipped(t, "{}")[:20], []string{"Content-Encoding: gzip", json}, 400, "not complete gzip"},
		{"gzip and more", gzipped(t, "{}") + "{}", []string{"Content-Encoding: gzip", json}, 400, "not complete gzip"},
		{"another encoding", "{}", []string{"Content-Encoding: br", json}, 415, `\"br\": must be gzip`},
		{"two encodings", "{}", []string{"Content-Encoding: gzip", "Content-Encoding: gzip", json}, 415, "must be gzip"},
		{"text", gzipped(t, "{}"), []string{"Content-Encoding: gzip", "Content-Type: text/plain"}, 415, "application/json"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			response := do(t, "POST", "http://"+addr, test.body, test.header...)
			text, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			matches := strings.Contains(string(text), strings.ReplaceAll(test.says, `\"`, `"`))
			if test.status == http.StatusOK {
				matches = string(text) == test.says
			}
			if response.StatusCode != test.status || !matches {
				t.Errorf("answer = %d %.200q, want %d %q", response.StatusCode, text, test.status, test.says)
			}
		})
	}
}

// The handler sees a request without the encoding that the guard has removed.
func TestContentEncodingIsRemoved(t *testing.T) {
	t.Parallel()
	addr := serve(t, newGuard(t, guard.Config{}).Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Header.Get("Content-Encoding")+r.Header.Get("Content-Length"))
	})))
	response := do(t, "POST", "http://"+addr, gzipped(t, "{}"), "Content-Encoding: gzip", "Content-Type: application/json")
	if text, err := io.ReadAll(response.Body); err != nil || len(text) > 0 {
		t.Errorf("the handler sees the encoding and the length %q, %v, want neither", text, err)
	}
}
