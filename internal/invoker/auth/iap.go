package auth

import (
	"net/http"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/principal"
)

// The Identity-Aware Proxy signs who has passed it, in a header of its own. Its other headers
// (x-goog-authenticated-user-email and -id) are not signed, and never trusted here.
//
// See https://cloud.google.com/iap/docs/signed-headers-howto.
const (
	iap       = "https://cloud.google.com/iap"
	iapHeader = "X-Goog-Iap-Jwt-Assertion"

	// IAPKeys is the address of the proxy's keys. It has no discovery document that names it.
	IAPKeys = "https://www.gstatic.com/iap/verify/public_key-jwk"
)

// IsIAP reports whether an issuer is the Identity-Aware Proxy.
func IsIAP(issuer string) bool { return issuer == iap }

// identifyIAP returns the caller whom the Identity-Aware Proxy names. A credential in
// Authorization would have come first.
func (a *Authenticator) identifyIAP(r *http.Request, s *setting) (principal.Principal, *refusal) {
	values := r.Header[iapHeader]
	if len(values) > 1 {
		return principal.Principal{}, several(iapHeader)
	}
	t, why := readToken(values[0])
	if why != nil {
		return principal.Principal{}, why
	}
	if t.issuer != iap {
		return principal.Principal{}, refuse(reasonIssuer, runwith.Unauthenticated,
			"the token in %s names the issuer %s, and not the Identity-Aware Proxy", iapHeader, quote(t.issuer))
	}
	return a.identifyToken(r, s, values[0])
}
