// Package session tells who uses the console, and which forms are its own.
//
// A visitor who has an API key exchanges it for a cookie. The server keeps no sessions: the
// cookie names the key and its caller, and a MAC proves that this server has made it. So a
// session ends with its key, or at its own end. Signing out makes the browser forget the cookie;
// a copy of it lasts until then.
//
// Each visitor also has a cookie without a meaning. Forms carry a token that only this server
// can derive from the visitor's cookies. A page of another server sees neither.
package session

import (
	"net/http"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/auth"
	"github.com/runwith/runwith/internal/principal"
)

// lifetime is how long a session lasts.
const lifetime = 8 * time.Hour

// Config is what [New] needs. Secret is required.
type Config struct {
	// Secret makes cookies and tokens. Who knows it can be any caller. At least 32 bytes.
	Secret []byte
	// Callers tell who calls; nil: everybody is Principal.
	Callers   Callers
	Principal principal.Principal
	// Now is the clock; nil is the machine's.
	Now func() time.Time
}

// Callers are the callers of the server. The methods may be called concurrently.
type Callers interface {
	// Authenticate returns the caller of a request by its headers.
	Authenticate(r *http.Request) (principal.Principal, error)
	// SignIn returns the key whose text a visitor has sent, or why it is none.
	SignIn(r *http.Request, key string) (auth.Key, error)
	// Lives reports whether the caller still has a key that SignIn returned.
	Lives(k auth.Key) bool
}

var _ Callers = (*auth.Authenticator)(nil)

// Visitors tell who calls. Their methods may be called concurrently.
type Visitors struct {
	Config

	origin *http.CrossOriginProtection
}

// New returns visitors. It does no I/O.
func New(c Config) *Visitors {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Visitors{c, http.NewCrossOriginProtection()}
}

// Identify returns the caller of a request. The header Authorization decides before a session,
// because a program has added it on purpose; a session decides before the headers of Google's
// proxies, because the visitor has signed in on purpose. An UNAUTHENTICATED error asks the visitor
// to sign in.
func (v *Visitors) Identify(r *http.Request) (_ principal.Principal, signedIn bool, err error) {
	if v.Callers == nil {
		return v.Principal, false, nil
	}
	if r.Header.Get("Authorization") != "" {
		p, err := v.Callers.Authenticate(r)
		return p, false, err
	}
	ended := false
	if text := cookieOf(r, sessionCookie); text != "" {
		if s, ok := v.read(text); ok {
			if err := auth.CheckURL(r); err != nil {
				return principal.Principal{}, false, err
			}
			return principal.Principal{Name: s.Caller, Proof: principal.APIKey}, true, nil
		}
		ended = true
	}
	p, err := v.Callers.Authenticate(r)
	if runwith.CodeOf(err) == runwith.Unauthenticated && r.Header.Get("Authorization") == "" {
		return p, false, askForKey(ended, err)
	}
	return p, false, err
}

// askForKey returns the error that asks a visitor for a key.
func askForKey(ended bool, cause error) error {
	message := "This server has callers. Sign in with the API key of one."
	if ended {
		message = "Your session has ended, or your API key is not valid any more. Sign in again."
	}
	return &runwith.Error{Code: runwith.Unauthenticated, Message: message, Err: cause}
}

// SignIn exchanges an API key for a session.
func (v *Visitors) SignIn(w http.ResponseWriter, r *http.Request, key string) error {
	if v.Callers == nil {
		return runwith.Errorf(runwith.FailedPrecondition, "this server has no callers, so nobody needs to sign in")
	}
	k, err := v.Callers.SignIn(r, key)
	if err != nil {
		return err
	}
	ends := v.Now().Add(lifetime)
	if !k.Expires.IsZero() && k.Expires.Before(ends) {
		ends = k.Expires
	}
	setCookie(w, r, sessionCookie, v.write(session{Key: k.ID, Caller: k.Caller, Print: k.Print, Ends: ends}), int(lifetime.Seconds()))
	return nil
}

// SignOut ends the session.
func (v *Visitors) SignOut(w http.ResponseWriter, r *http.Request) {
	setCookie(w, r, sessionCookie, "", -1)
}
