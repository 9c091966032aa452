package trigger_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/trigger"
)

// instant accepts every start.
type instant struct{}

func (instant) Launch(context.Context, invoker.Launch) (runwith.Invocation, bool, error) {
	return runwith.Invocation{ID: "01a22371-24cb-7009-9dc4-3a62fddc149c"}, false, nil
}

func (instant) Launched(context.Context, invoker.Launch) (runwith.Invocation, bool, error) {
	return runwith.Invocation{}, false, nil
}

// BenchmarkEvent measures a request without authentication and without the start of its job.
func BenchmarkEvent(b *testing.B) {
	h := newHouse(b)
	h.Triggers = trigger.New(trigger.Config{Starter: instant{}, Events: &h.events, Authenticate: authenticate, Now: func() time.Time { return now }})
	content, err := os.ReadFile("testdata/runwith.yaml")
	if err != nil {
		b.Fatal(err)
	}
	h.use(b, string(content))
	mux := http.NewServeMux()
	mux.Handle(trigger.Pattern, h.Triggers)
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "http://runwith.example.com/api/v1/triggers/messages", strings.NewReader(pushed))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer google")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != http.StatusAccepted {
			b.Fatal(w.Body)
		}
	}
}
