package console

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/principal"
)

// everybody are the visitors of a server without callers.
type everybody struct {
	principal principal.Principal
	token     string
	origin    *http.CrossOriginProtection
}

// Everybody returns the visitors of a server without callers: all of them are the principal,
// and nobody signs in. Pages of other servers cannot read the token of its forms.
func Everybody(p principal.Principal) Visitors {
	return &everybody{p, rand.Text(), http.NewCrossOriginProtection()}
}

// Identify implements [Visitors].
func (e *everybody) Identify(*http.Request) (principal.Principal, bool, error) {
	return e.principal, false, nil
}

// Token implements [Visitors].
func (e *everybody) Token(http.ResponseWriter, *http.Request) string { return e.token }

// CheckPost implements [Visitors].
func (e *everybody) CheckPost(r *http.Request) error {
	if err := e.origin.Check(r); err != nil {
		return &runwith.Error{Code: runwith.PermissionDenied, Message: "the form was not sent by a page of this server", Err: err}
	}
	if subtle.ConstantTimeCompare([]byte(r.PostFormValue("token")), []byte(e.token)) != 1 {
		return runwith.Errorf(runwith.PermissionDenied, "the form is of an earlier page: open the page again, and repeat what you did")
	}
	return nil
}

// SignIn implements [Visitors].
func (e *everybody) SignIn(http.ResponseWriter, *http.Request, string) error {
	return runwith.Errorf(runwith.FailedPrecondition, "this server has no callers, so nobody needs to sign in")
}

// SignOut implements [Visitors].
func (e *everybody) SignOut(http.ResponseWriter, *http.Request) {}
