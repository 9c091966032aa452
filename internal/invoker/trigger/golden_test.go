package trigger_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func jsonLogger(to io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(to, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// golden is what a message in testdata leads to.
type golden struct {
	Status     int            `json:"status"`
	Outcome    string         `json:"outcome"`
	Job        string         `json:"job,omitempty"`
	Key        string         `json:"key,omitempty"`
	Parameters map[string]any `json:"parameters,omitempty"`
}

// readRequest reads a request as a file has it: a line, headers, and the body.
func readRequest(t *testing.T, file string) *http.Request {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, body, found := strings.Cut(string(content), "\n\n")
	if !found {
		t.Fatalf("%s has no empty line", file)
	}
	lines := strings.Split(head, "\n")
	method, rest, _ := strings.Cut(lines[0], " ")
	path, _, _ := strings.Cut(rest, " ")
	r := httptest.NewRequest(method, "http://runwith.example.com"+path, strings.NewReader(strings.TrimSuffix(body, "\n")))
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	r.Header.Set("Authorization", "Bearer google")
	return r
}

// TestGolden sends the requests of each source twice. UPDATE_GOLDEN=1 writes the results.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.http")
	if err != nil || len(files) < 14 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".http"), func(t *testing.T) {
			h := newHouse(t)
			first := h.do(t, readRequest(t, file))
			got := golden{Status: first.Status, Outcome: first.Outcome}
			for _, l := range h.starter.launches {
				got.Job, got.Key, got.Parameters = l.Job, l.Key, l.Asked.Parameters
				if l.Source.Event != l.Key || l.KeyKeep != 32*24*3600*1e9 {
					t.Errorf("launch = %+v, want the key as event, kept for 32 days", l)
				}
			}
			text, err := json.MarshalIndent(got, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			want := strings.TrimSuffix(file, ".http") + ".json"
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(want, append(text, '\n'), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			wanted, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(bytes.TrimSpace(wanted)), string(text)); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			again := h.do(t, readRequest(t, file))
			if first.Outcome == "accepted" {
				if again.Outcome != "repeated" {
					t.Errorf("second outcome = %s, want repeated", again.Outcome)
				}
				if again.Status != 200 {
					t.Errorf("second status = %d, want 200", again.Status)
				}
				if again.Invocation != first.Invocation {
					t.Errorf("second invocation = %s, want the first, %s", again.Invocation, first.Invocation)
				}
			}
			if len(h.starter.launches) > 1 {
				t.Errorf("the message has started the job %d times", len(h.starter.launches))
			}
		})
	}
}
