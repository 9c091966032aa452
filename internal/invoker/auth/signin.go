package auth

import (
	"encoding/hex"
	"net/http"
	"time"
)

// Key is an API key that a visitor of the console has.
type Key struct {
	ID, Caller string
	// Print tells keys with one ID apart. It does not give the key away.
	Print   string
	Expires time.Time // zero: never
}

// SignIn returns the key whose text a visitor has typed, or why it is none, as
// [Authenticator.Authenticate] does.
func (a *Authenticator) SignIn(r *http.Request, text string) (Key, error) {
	s := a.current.Load()
	p, why := a.identifyKey(r.Context(), s, text)
	if why != nil {
		a.requests.Inc(why.reason)
		a.attempts.add(r, why, a.now())
		return Key{}, why.err
	}
	a.requests.Inc(accepted(p.Proof))
	id, _ := KeyID(text)
	key := s.keys[id]
	return Key{ID: id, Caller: p.Name, Print: key.print(), Expires: key.expires}, nil
}

// Lives reports whether a caller still has a key that [Authenticator.SignIn] returned, and the key
// has not expired.
func (a *Authenticator) Lives(k Key) bool {
	key, ok := a.current.Load().keys[k.ID]
	return ok && key.caller == k.Caller && key.print() == k.Print && (key.expires.IsZero() || a.now().Before(key.expires))
}

// print is a part of the key's hash.
func (k apiKey) print() string { return hex.EncodeToString(k.hash[:8]) }
