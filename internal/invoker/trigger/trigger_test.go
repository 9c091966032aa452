package trigger_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/guard"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/trigger"
	"github.com/runwith/runwith/internal/principal"
)

// now is the time of the tests' events.
var now = time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)

// starter accepts starts, each key once.
type starter struct {
	mu       sync.Mutex
	launches []invoker.Launch
	err      error
}

func (s *starter) Launch(_ context.Context, l invoker.Launch) (runwith.Invocation, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return runwith.Invocation{}, false, s.err
	}
	if s.launched(l) {
		return runwith.Invocation{ID: "inv-" + l.Key}, true, nil
	}
	s.launches = append(s.launches, l)
	return runwith.Invocation{ID: "inv-" + l.Key}, false, nil
}

func (s *starter) Launched(_ context.Context, l invoker.Launch) (runwith.Invocation, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return runwith.Invocation{ID: "inv-" + l.Key}, s.launched(l), s.err
}

func (s *starter) launched(l invoker.Launch) bool {
	return slices.ContainsFunc(s.launches, func(before invoker.Launch) bool {
		return before.Source.Trigger == l.Source.Trigger && before.Key == l.Key
	})
}

// events keeps refused events.
type events struct {
	mu   sync.Mutex
	all  []ledger.RefusedEvent
	fail error
}

func (s *events) AddEvent(_ context.Context, e ledger.RefusedEvent) (ledger.RefusedEvent, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return e, 0, s.fail
	}
	s.all = append(s.all, e)
	return e, 0, nil
}

// house is a server with triggers.
type house struct {
	*trigger.Triggers
	starter starter
	events  events
	handler http.Handler
	log     bytes.Buffer
}

// newHouse returns triggers of testdata/runwith.yaml behind a guard.
func newHouse(t testing.TB) *house {
	t.Helper()
	content, err := os.ReadFile("testdata/runwith.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return houseOf(t, string(content))
}

func houseOf(t testing.TB, content string) *house {
	t.Helper()
	h := &house{}
	h.Triggers = trigger.New(trigger.Config{
		Starter: &h.starter, Events: &h.events, Authenticate: authenticate, Now: func() time.Time { return now },
		Logger: jsonLogger(&h.log),
	})
	h.use(t, content)
	mux := http.NewServeMux()
	mux.Handle(trigger.Pattern, h)
	g, err := guard.New(guard.Config{AllowHosts: []string{"runwith.example.com"}, Rule: func(*http.Request) guard.Rule { return trigger.BodyRule }})
	if err != nil {
		t.Fatal(err)
	}
	h.handler = g.Wrap(mux)
	return h
}

func (h *house) use(t testing.TB, content string) {
	t.Helper()
	f, err := configfile.Read("f", content, func(configfile.Secret) (string, error) { return "secret", nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Use(f); err != nil {
		t.Fatal(err)
	}
}

// authenticate knows the caller in "Authorization: Bearer NAME".
func authenticate(r *http.Request) (principal.Principal, error) {
	switch name := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "); name {
	case "forged":
		return principal.Principal{}, runwith.Errorf(runwith.Unauthenticated, "the signature is wrong")
	case "":
		return principal.Principal{}, nil
	case "local":
		return principal.LocalUser, nil
	default:
		return principal.Principal{Name: name, Proof: principal.Token}, nil
	}
}

// request is a request to a trigger. Headers are lines.
type request struct {
	trigger string
	headers []string
	body    string
	caller  string // empty: google; "-": none
	method  string
}

// result is what a request has led to.
type result struct {
	Status     int
	Outcome    string
	Invocation string
	Event      string
	Code       string
	Detail     string
	header     http.Header
}

func (h *house) send(t *testing.T, q request) result {
	t.Helper()
	method := q.method
	if method == "" {
		method = http.MethodPost
	}
	r := httptest.NewRequest(method, "http://runwith.example.com/api/v1/triggers/"+q.trigger, strings.NewReader(q.body))
	for _, line := range q.headers {
		name, value, _ := strings.Cut(line, ":")
		r.Header.Add(name, strings.TrimSpace(value))
	}
	switch q.caller {
	case "-":
	case "":
		r.Header.Set("Authorization", "Bearer google")
	default:
		r.Header.Set("Authorization", "Bearer "+q.caller)
	}
	return h.do(t, r)
}

func (h *house) do(t *testing.T, r *http.Request) result {
	t.Helper()
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	got := result{Status: w.Code, header: w.Header()}
	var body struct{ Outcome, Invocation, Event, Code, Detail string }
	if w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatalf("answer %q: %v", w.Body, err)
		}
	}
	got.Outcome, got.Invocation, got.Event, got.Code, got.Detail = body.Outcome, body.Invocation, body.Event, body.Code, body.Detail
	return got
}
