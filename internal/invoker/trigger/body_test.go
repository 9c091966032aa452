package trigger

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/invoker/configfile"
)

// full returns a hook whose server has no room for large bodies.
func full(t *testing.T) *Triggers {
	t.Helper()
	f, err := configfile.Read("f", "jobs: {build: {}}\ntriggers: {hook: {type: webhook, job: build, secret: {env: SECRET}, "+github+"}}",
		func(configfile.Secret) (string, error) { return githubSecret, nil })
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Starter: launches{}, Events: &keeper{}})
	if err := s.Use(f); err != nil {
		t.Fatal(err)
	}
	s.room.used.Store(roomForBodies)
	return s
}

// TestNoRoom sends large bodies over a connection: the sender sees the answer, although it still
// writes when there is no room. The log does not have a line for each.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	s := full(t)
	var log bytes.Buffer
	s.log = slog.New(slog.NewTextHandler(&log, nil))
	mux := http.NewServeMux()
	mux.Handle(Pattern, s)
	server := httptest.NewServer(mux)
	defer server.Close()
	for range 12 {
		answer, err := http.Post(server.URL+"/api/v1/triggers/hook", "application/json", io.MultiReader(bytes.NewReader(make([]byte, 1<<20))))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
			t.Errorf("answer = %s, Retry-After %q, want 503 with it", answer.Status, answer.Header.Get("Retry-After"))
		}
	}
	var metrics strings.Builder
	for _, m := range s.Metrics() {
		samples, err := m.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, sample := range samples {
			metrics.WriteString(strings.Join(sample.Labels, " ") + "\n")
		}
	}
	if got := metrics.String(); got != "hook deferred\n" {
		t.Errorf("outcomes = %q, want deferred: nobody knows the sender, and the event may be right", got)
	}
	server.Close()
	if lines := strings.Count(log.String(), "event deferred"); lines != 10 {
		t.Errorf("the log has %d lines for 12 requests, want the first 10:\n%s", lines, &log)
	}
}

// TestRoomIsFreeWhileRefused checks that a refused body gives its room back before it ends.
func TestRoomIsFreeWhileRefused(t *testing.T) {
	t.Parallel()
	s := full(t)
	s.room.used.Add(-100_000)
	body := &observed{Reader: bytes.NewReader(make([]byte, 1<<20)), room: &s.room}
	r := httptest.NewRequest(http.MethodPost, "/", body)
	_, _, err := readBody(httptest.NewRecorder(), r, s.find("hook"), &part{room: &s.room})
	if err == nil || body.atEnd != roomForBodies-100_000 {
		t.Errorf("error %v, %d bytes are taken at the end of the body, want %d", err, body.atEnd, roomForBodies-100_000)
	}
}

// observed notes how much room is taken at its end.
type observed struct {
	io.Reader
	room  *room
	atEnd int64
}

func (o *observed) Read(p []byte) (int, error) {
	n, err := o.Reader.Read(p)
	if err == io.EOF {
		o.atEnd = o.room.used.Load()
	}
	return n, err
}
