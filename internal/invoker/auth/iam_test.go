package auth_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/auth"
	"github.com/runwith/runwith/internal/principal"
)

// With verify: cloud-run-iam, a token without signature is trusted where Cloud Run has
// checked it, and nowhere else.
func TestCloudRunIAM(t *testing.T) {
	t.Parallel()
	c := newClock()
	key := auth.NewKey()
	id, _ := auth.KeyID(key)
	signing := ecSigner(t, "k1")
	i := newIssuer(t, signing)
	a, _ := open(t, c, file(t, `
verify: cloud-run-iam
issuers: {corp: %s}
callers:
  scheduler: {oidc: {issuer: google, subject: "112233445566778899001", audience: "https://runwith.example.com"}}
  docs-api: {apiKeys: [{id: %s, sha256: %s}]}
  corp: {oidc: {issuer: corp, subject: "112233445566778899001", audience: "https://runwith.example.com"}}
`, i.URL, id, auth.HashKey(key)), nil)
	rs256 := map[string]any{"alg": "RS256", "kid": "google"}
	token := func(others map[string]any, signature string) string {
		return unsigned(rs256, with(c.claims(auth.Google), others), signature)
	}
	const marker = "SIGNATURE_REMOVED_BY_GOOGLE"
	checked := token(nil, marker)
	const authorization, serverless = "Authorization: Bearer ", "X-Serverless-Authorization: Bearer "
	byIAM := principal.Principal{Name: "scheduler", Proof: principal.CloudRunIAM}

	known(t, a, request(authorization+checked), byIAM)
	known(t, a, request(serverless+checked), byIAM)
	known(t, a, request(authorization+token(map[string]any{"iss": auth.GoogleWithoutScheme}, marker)), byIAM)
	// Behind the check, this server's own credential decides.
	known(t, a, request(authorization+key, serverless+checked), principal.Principal{Name: "docs-api", Proof: principal.APIKey})
	signed := signing.sign(t, c.claims(i.URL))
	known(t, a, request(authorization+signed, serverless+checked), principal.Principal{Name: "corp", Proof: principal.Token})
	known(t, a, request(authorization+signed), principal.Principal{Name: "corp", Proof: principal.Token})

	for _, test := range []struct {
		request *http.Request
		code    runwith.Code
		message string
	}{
		// Cloud Run passes Authorization on as it is if the other header is there.
		{request(authorization+checked, serverless+checked), runwith.Unauthenticated, "Cloud Run has not checked it"},
		{request(authorization+checked, serverless+"other"), runwith.Unauthenticated, "Cloud Run has not checked it"},
		{request(authorization+checked, "X-Serverless-Authorization: "), runwith.Unauthenticated, "Cloud Run has not checked it"},
		{request(serverless+checked, serverless+checked), runwith.InvalidArgument, "more than one credential in X-Serverless-Authorization"},
		{request(authorization+checked, authorization+checked), runwith.InvalidArgument, "more than one credential"},
		{request(serverless + token(nil, "c2lnbmF0dXJl")), runwith.Unauthenticated, "still has its signature"},
		{request(serverless + key), runwith.Unauthenticated, "malformed"},
		{request(authorization + token(nil, "")), runwith.Unauthenticated, "has no signature"},
		{request(authorization + unsigned(rs256, c.claims(i.URL), marker)), runwith.Unauthenticated, "accepts only Google's"},
		{request(authorization + token(map[string]any{"exp": c.Now().Unix()}, marker)), runwith.Unauthenticated, "expired"},
		{request(authorization + token(map[string]any{"iat": c.Now().Add(time.Hour).Unix()}, marker)), runwith.Unauthenticated, "not valid yet"},
		{request(authorization + token(map[string]any{"aud": "32555940559.apps.googleusercontent.com"}, marker)), runwith.Unauthenticated, "another audience"},
		{request(authorization + token(map[string]any{"sub": "2"}, marker)), runwith.Unauthenticated, "is none of a caller"},
		{request(), runwith.Unauthenticated, "has no credential"},
	} {
		refused(t, a, test.request, test.code, test.message)
	}
}

// noGoogle fails every request to Google.
type noGoogle struct{ asked int }

func (n *noGoogle) RoundTrip(r *http.Request) (*http.Response, error) {
	n.asked++
	return nil, http.ErrServerClosed
}

// A signature that is not exactly Cloud Run's text is verified.
func TestCloudRunIAMVerifiesOtherSignatures(t *testing.T) {
	t.Parallel()
	c := newClock()
	google := &noGoogle{}
	a := auth.New(auth.Config{Now: c.Now, Transport: google})
	err := a.Use(file(t, `
verify: cloud-run-iam
callers:
  scheduler: {oidc: {issuer: google, subject: "112233445566778899001", audience: "https://runwith.example.com"}}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	const marker = "SIGNATURE_REMOVED_BY_GOOGLE"
	for _, signature := range []string{"c2lnbmF0dXJl", strings.ToLower(marker), marker + "x", "x" + marker} {
		before := google.asked
		c.add(time.Minute)
		token := unsigned(map[string]any{"alg": "RS256", "kid": "k"}, c.claims(auth.Google), signature)
		if p, err := a.Authenticate(bearer(token)); err == nil || p != (principal.Principal{}) {
			t.Errorf("signature %q: %v, %v, want a refusal", signature, p, err)
		}
		if strings.HasPrefix(signature, "c2ln") && google.asked == before {
			t.Errorf("signature %q was not verified", signature)
		}
	}
}
