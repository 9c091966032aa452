package metadata_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// tokenAnswer is the answer as clients read it.
type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"`
	TokenType   string `json:"token_type"`
}

func askToken(t *testing.T, h http.Handler, account string) tokenAnswer {
	t.Helper()
	w := ask(h, "GET", accounts+account+"/token?scopes=a,b", flavor)
	var got tokenAnswer
	decoder := json.NewDecoder(w.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&got); err != nil || w.Code != http.StatusOK {
		t.Fatalf("GET token = %d, %v", w.Code, err)
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control = %q, want no-store, so that no cache keeps the token", got)
	}
	return got
}

func TestToken(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := config
	c.Now = func() time.Time { return now }
	h := handler(t, c)

	first := askToken(t, h, "default")
	if !strings.HasPrefix(first.AccessToken, "runwith-") {
		t.Errorf("first token = %q, want runwith- in front", first.AccessToken)
	}
	if n := len(first.AccessToken); n < 30 {
		t.Errorf("first token has %d characters, want at least 30", n)
	}
	if first.ExpiresIn != 3600 {
		t.Errorf("first token expires in %d s, want 3600", first.ExpiresIn)
	}
	if first.TokenType != "Bearer" {
		t.Errorf("type of the first token = %q, want Bearer", first.TokenType)
	}
	for _, step := range []struct {
		after     time.Duration
		account   string
		same      bool
		expiresIn int
	}{
		{0, email, true, 3600},
		{10*time.Minute + time.Millisecond, "default", true, 2999},
		{55*time.Minute - time.Second, email, true, 301},
		{55 * time.Minute, "default", false, 3600},
	} {
		now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(step.after)
		got := askToken(t, h, step.account)
		if same := got.AccessToken == first.AccessToken; same != step.same || got.ExpiresIn != step.expiresIn {
			t.Errorf("after %v: token of %s expires in %d and is the first = %t, want %d and %t",
				step.after, step.account, got.ExpiresIn, same, step.expiresIn, step.same)
		}
	}
}

func TestTokensDiffer(t *testing.T) {
	t.Parallel()
	if a, b := askToken(t, handler(t, config), "default"), askToken(t, handler(t, config), "default"); a.AccessToken == b.AccessToken {
		t.Errorf("two servers issued the same token %q, want different ones", a.AccessToken)
	}
}
