package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestHostileServer calls an invoker whose names have control characters. No command sends them
// to the terminal.
func TestHostileServer(t *testing.T) {
	t.Parallel()
	const bad = "x\x1b]0;owned\a\n\u202ey"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"id": bad, "job": bad, "state": "succeeded", "invocation": bad, "name": bad, // of any resource
			"month": bad, "by": "job", "prices": bad, "note": bad, "timeout": "1s", "groups": []any{},
		})
	}))
	defer server.Close()
	for _, command := range []string{
		"run reindex --detach", "events retry evt_1", "callbacks enable docs", "usage",
	} {
		out, err := called(t, append(strings.Fields(command), "--server", server.URL)...)
		if !strings.Contains(out, "owned") {
			t.Errorf("%s printed %q, %v, want the server's text", command, out, err)
		}
		if strings.ContainsAny(out, "\x1b\a\u202e") || strings.Contains(out, "\ny") {
			t.Errorf("%s printed %q, want no control characters", command, out)
		}
	}
}
