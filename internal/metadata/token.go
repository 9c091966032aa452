package metadata

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

const (
	// tokenPrefix marks a token as this project's own: it is worth nothing
	// anywhere else.
	tokenPrefix   = "runwith-"
	tokenLifetime = time.Hour
	// tokenMargin is how long before its end a token is replaced, so that a
	// caller always gets one that lasts a while.
	tokenMargin = 5 * time.Minute
)

// token is the answer that Google's server gives, too.
type token struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"` // seconds
	TokenType   string `json:"token_type"`
}

// tokens gives out the one token of the moment. It is safe for concurrent use.
type tokens struct {
	now func() time.Time

	mu    sync.Mutex
	value string
	end   time.Time
}

func (t *tokens) current() token {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if t.end.Sub(now) <= tokenMargin {
		t.value = tokenPrefix + rand.Text()
		t.end = now.Add(tokenLifetime)
	}
	return token{AccessToken: t.value, ExpiresIn: int(t.end.Sub(now) / time.Second), TokenType: "Bearer"}
}

// answer writes the token.
//
// Deviation: it is good for every scope, whichever the caller asked for.
func (t *tokens) answer(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	// A client that does not read its token is no error of ours.
	_ = json.NewEncoder(w).Encode(t.current())
}
