package auth_test

import (
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/auth"
	"github.com/runwith/runwith/internal/principal"
)

// No header makes a caller without a key or a signature, whatever is in it.
func FuzzAuthenticate(f *testing.F) {
	c := newClock()
	t := &testing.T{}
	key := auth.NewKey()
	id, _ := auth.KeyID(key)
	file := file(t, `
verify: cloud-run-iam
callers:
  docs-api: {apiKeys: [{id: %s, sha256: %s}]}
  scheduler: {oidc: {issuer: google, subject: "112233445566778899001", audience: "https://runwith.example.com"}}
`, id, auth.HashKey(key))
	a := auth.New(auth.Config{Now: c.Now, Transport: &noGoogle{}})
	if err := a.Use(file, nil); err != nil {
		f.Fatal(err)
	}
	token := unsigned(map[string]any{"alg": "RS256", "kid": "k"}, c.claims(auth.Google), "c2lnbmF0dXJl")
	f.Add("Bearer "+token, "")
	f.Add("Bearer "+key[:20], "Bearer "+token)
	f.Add("Bearer a.b.SIGNATURE_REMOVED_BY_GOOGLE", "Bearer x")
	f.Add("bearer  ..", "\x00")
	f.Add("Bearer "+unsigned(map[string]any{"alg": "none"}, c.claims(auth.Google), "SIGNATURE_REMOVED_BY_GOOGLE"), "")
	f.Fuzz(func(t *testing.T, authorization, serverless string) {
		r := request()
		r.Header["Authorization"] = []string{authorization}
		if serverless != "" {
			r.Header["X-Serverless-Authorization"] = []string{serverless}
		}
		p, err := a.Authenticate(r)
		if err == nil {
			// Only what Cloud Run's check has left can be of somebody here.
			if p.Proof != principal.CloudRunIAM || serverless != "" {
				t.Errorf("%q, %q is %v by %q", authorization, serverless, p, p.Proof)
			}
			return
		}
		switch code := runwith.CodeOf(err); code {
		case runwith.Unauthenticated, runwith.InvalidArgument, runwith.Unavailable:
		default:
			t.Errorf("%q, %q is answered with %v: %v", authorization, serverless, code, err)
		}
		if p != (principal.Principal{}) {
			t.Errorf("a refused request has the principal %v", p)
		}
	})
}
