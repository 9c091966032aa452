package auth

import (
	"net/http"
	"time"
)

// Key is an API key that a visitor of the console has.
type Key struct {
	ID, Caller string
	Expires    time.Time // zero: never
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
	return Key{ID: id, Caller: p.Name, Expires: s.keys[id].expires}, nil
}

// Lives reports whether a caller still has the key with this ID, and the key has not expired.
func (a *Authenticator) Lives(id, caller string) bool {
	key, ok := a.current.Load().keys[id]
	return ok && key.caller == caller && (key.expires.IsZero() || a.now().Before(key.expires))
}
