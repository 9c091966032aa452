package runwith_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/runwith/runwith"
)

// handle is the Go recipe of docs/callbacks.md.
func handle(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, "the body is too large", http.StatusRequestEntityTooLarge)
		return
	}
	event, err := runwith.VerifyCallback(r.Header, body, os.Getenv("SECRET"))
	if err != nil {
		http.Error(w, err.Error(), runwith.CodeOf(err).HTTPStatus())
		return
	}
	log.Println(event.ID, event.Type, event.Data.ID, event.Data.State)
}

func TestGoRecipe(t *testing.T) {
	docs, err := os.ReadFile("docs/callbacks.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("verify_recipe_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, function, _ := strings.Cut(string(source), "\nfunc handle")
	function, _, _ = strings.Cut(function, "\n}\n")
	if !strings.Contains(string(docs), "<!-- recipe go -->\n```go\nfunc handle"+function+"\n}\n```\n") {
		t.Error("docs/callbacks.md does not have the function handle of this file")
	}

	const secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", `{"type":"invocation.succeeded"}`
	t.Setenv("SECRET", secret)
	log.SetOutput(io.Discard)
	defer log.SetOutput(os.Stderr)
	wh, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	for sent, want := range map[string]int{body: http.StatusOK, body + " ": http.StatusUnauthorized, strings.Repeat("x", 2<<20): http.StatusRequestEntityTooLarge} {
		now := time.Now()
		signature, err := wh.Sign("evt-1", now, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(sent))
		r.Header.Set("webhook-id", "evt-1")
		r.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
		r.Header.Set("webhook-signature", signature)
		w := httptest.NewRecorder()
		if handle(w, r); w.Code != want {
			t.Errorf("answer to %.40q = %d, want %d: %s", sent, w.Code, want, w.Body)
		}
	}
}
