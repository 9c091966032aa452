package auth_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/auth"
	"github.com/runwith/runwith/internal/principal"
)

// gstatic answers requests for the keys of the Identity-Aware Proxy by a server of the test.
type gstatic struct{ *issuer }

func (g gstatic) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.String() != "https://www.gstatic.com/iap/verify/public_key-jwk" {
		return http.DefaultTransport.RoundTrip(r)
	}
	to, err := url.Parse(g.URL + "/keys")
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.URL = to
	return http.DefaultTransport.RoundTrip(r)
}

// With verify: iap, the signed header of the Identity-Aware Proxy names the caller. Its other
// headers name nobody, and without the mode the signed one does not either.
func TestIAP(t *testing.T) {
	t.Parallel()
	c, signing := newClock(), ecSigner(t, "k1")
	proxy := newIssuer(t, signing)
	const config = `
callers:
  ops: {oidc: {issuer: iap, claims: {email: ops@example.com}, audience: /projects/123/global/backendServices/456}}
`
	const issuer, audience = "https://cloud.google.com/iap", "/projects/123/global/backendServices/456"
	a := auth.New(auth.Config{Transport: gstatic{proxy}, Now: c.Now})
	if err := a.Use(file(t, "verify: iap\n"+config), nil); err != nil {
		t.Fatal(err)
	}
	token := func(others map[string]any) string {
		all := with(c.claims(issuer), map[string]any{"aud": audience, "email": "ops@example.com"})
		return signing.sign(t, with(all, others))
	}
	const header = "X-Goog-IAP-JWT-Assertion: "
	known(t, a, request(header+token(nil)), principal.Principal{Name: "ops", Proof: principal.Token})
	forged := ecSigner(t, "k1").sign(t, with(c.claims(issuer), map[string]any{"aud": audience, "email": "ops@example.com"}))
	for name, r := range map[string]*http.Request{
		"no header":         request("X-Goog-Authenticated-User-Email: accounts.google.com:ops@example.com"),
		"a forged header":   request(header + forged),
		"another audience":  request(header + token(map[string]any{"aud": "/projects/1/global/backendServices/2"})),
		"another account":   request(header + token(map[string]any{"email": "x@example.com"})),
		"another issuer":    request(header + token(map[string]any{"iss": auth.Google})),
		"an expired header": request(header + token(map[string]any{"exp": 1})),
		"no token":          request(header + "x"),
	} {
		if p, err := a.Authenticate(r); runwith.CodeOf(err) != runwith.Unauthenticated {
			t.Errorf("%s: the caller is %v, %v; want UNAUTHENTICATED", name, p, err)
		}
	}
	if _, err := a.Authenticate(request(header+token(nil), header+token(nil))); runwith.CodeOf(err) != runwith.InvalidArgument {
		t.Errorf("two headers: %v, want INVALID_ARGUMENT", err)
	}
	if err := a.Use(file(t, config), nil); err != nil {
		t.Fatal(err)
	}
	if p, err := a.Authenticate(request(header + token(nil))); err == nil {
		t.Errorf("without verify: iap, the header makes %v the caller", p)
	}
}
