package auth_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/metadata"
	"github.com/runwith/runwith/internal/invoker/auth"
	"github.com/runwith/runwith/internal/principal"
)

// refused reports an error unless a request is refused with the code and the message.
func refused(t *testing.T, a *auth.Authenticator, r *http.Request, code runwith.Code, message string) {
	t.Helper()
	p, err := a.Authenticate(r)
	if runwith.CodeOf(err) != code || !strings.Contains(fmt.Sprint(err), message) {
		t.Errorf("Authenticate = %v, %v; want %v with %q", p, err, code, message)
	}
	if p != (principal.Principal{}) {
		t.Errorf("a refused request has the principal %v", p)
	}
	for _, value := range append(r.Header["Authorization"], r.URL.RawQuery) {
		if _, credential, _ := strings.Cut(value, " "); len(credential) > 20 && strings.Contains(fmt.Sprint(err), credential) {
			t.Errorf("the error has the credential: %v", err)
		}
	}
}

// known reports an error unless a request has the principal.
func known(t *testing.T, a *auth.Authenticator, r *http.Request, want principal.Principal) {
	t.Helper()
	if p, err := a.Authenticate(r); err != nil || p != want {
		t.Errorf("Authenticate = %v, %v; want %v", p, err, want)
	}
}

func TestAPIKeys(t *testing.T) {
	t.Parallel()
	c := newClock()
	old, current, expired, other := auth.NewKey(), auth.NewKey(), auth.NewKey(), auth.NewKey()
	id := func(key string) string { id, _ := auth.KeyID(key); return id }
	f := file(t, `
callers:
  docs-api:
    apiKeys:
      - {id: %s, sha256: %s, expires: "2027-01-01"}
      - {id: %s, sha256: %s}
      - {id: %s, sha256: %s, expires: "2026-01-01"}
`, id(old), auth.HashKey(old), id(current), auth.HashKey(current), id(expired), auth.HashKey(expired))
	a, l := open(t, c, f, nil)
	docs := principal.Principal{Name: "docs-api", Proof: principal.APIKey}
	known(t, a, bearer(old), docs)
	known(t, a, bearer(current), docs)
	known(t, a, request("Authorization: bearer  "+current), docs)

	// A key with the ID of a known one, and another secret, is answered like an unknown ID.
	forged := "rw_" + id(current) + "_" + other[len("rw_xxxxxx_"):len(other)-6]
	forged = withChecksum(t, forged)
	const unknown = "the API key is not one of this server's"
	refused(t, a, bearer(forged), runwith.Unauthenticated, unknown)
	refused(t, a, bearer(other), runwith.Unauthenticated, unknown)
	_, err1 := a.Authenticate(bearer(forged))
	_, err2 := a.Authenticate(bearer(other))
	if err1.Error() != err2.Error() {
		t.Errorf("a wrong key is answered with %q and an unknown one with %q, want no difference", err1, err2)
	}
	refused(t, a, bearer(expired), runwith.Unauthenticated, "expired at 2026-01-01T00:00:00Z")
	refused(t, a, bearer(current[:len(current)-1]), runwith.Unauthenticated, "its checksum does not fit")
	refused(t, a, bearer(auth.HashKey(current)), runwith.Unauthenticated, "neither an API key")

	c.add(60 * 24 * time.Hour)
	refused(t, a, bearer(old), runwith.Unauthenticated, "expired at 2027-01-01")
	known(t, a, bearer(current), docs)
	for _, key := range []string{old, current, expired, other, forged} {
		if strings.Contains(l.String(), key) || strings.Contains(l.String(), key[10:30]) {
			t.Errorf("the log has the key %s:\n%s", key, l)
		}
	}
	if want := `caller=docs-api credential="API key ` + id(current); !strings.Contains(l.String(), want) {
		t.Errorf("the log does not show the first use of a key (%s):\n%s", want, l)
	}
}

// withChecksum finds the checksum of a key without it, as anybody can.
func withChecksum(t *testing.T, body string) string {
	t.Helper()
	key := auth.ForgeKey(body)
	if _, ok := auth.KeyID(key); !ok {
		t.Fatalf("%q has no valid checksum", key)
	}
	return key
}

// Requests without one credential in the right place.
func TestOneCredential(t *testing.T) {
	t.Parallel()
	key, other := auth.NewKey(), auth.NewKey()
	id, _ := auth.KeyID(key)
	f := file(t, "callers: {docs-api: {apiKeys: [{id: %s, sha256: %s}]}}", id, auth.HashKey(key))
	a, l := open(t, newClock(), f, nil)
	query := func(q string) *http.Request { return httptest.NewRequest(http.MethodGet, "/api/v1/jobs?"+q, nil) }
	for _, test := range []struct {
		request *http.Request
		code    runwith.Code
		message string
	}{
		{request(), runwith.Unauthenticated, "has no credential: send the header Authorization: Bearer"},
		{request("Authorization: Basic " + key), runwith.Unauthenticated, "must be Authorization: Bearer"},
		{request("Authorization: " + key), runwith.Unauthenticated, "must be Authorization: Bearer"},
		{request("Authorization: Bearer"), runwith.Unauthenticated, "must be Authorization: Bearer"},
		{request("Authorization: "), runwith.Unauthenticated, "must be Authorization: Bearer"},
		{request("Authorization: Bearer "+key, "Authorization: Bearer "+other), runwith.InvalidArgument, "more than one credential"},
		{request("Authorization: Bearer "+key, "Authorization: Bearer "+key), runwith.InvalidArgument, "more than one credential"},
		{request("Authorization: Bearer " + key + ", Bearer " + other), runwith.InvalidArgument, "more than one credential"},
		{request("Authorization: Bearer " + key + " " + other), runwith.InvalidArgument, "more than one credential"},
		{request("Authorization: Bearer ya29.secret"), runwith.Unauthenticated, "access token of Google"},
		{request("Authorization: Bearer password"), runwith.Unauthenticated, "neither an API key"},
		{query("key=" + key), runwith.InvalidArgument, "logs keep URLs"},
		{query("access_token=a.b.c"), runwith.InvalidArgument, "logs keep URLs"},
		{request("X-Serverless-Authorization: Bearer " + key), runwith.Unauthenticated, "has no credential"},
	} {
		refused(t, a, test.request, test.code, test.message)
	}
	for _, uri := range []string{
		"/api/v1/invocations/" + key, "/api/v1/invocations/" + key + "/logs", "/" + key + "?state=running", "/x" + key + "x",
		"/api/v1/invocations/rw_nightly_" + key, "/api/v1/invocations/%72w_" + key[3:], "/api/v1/jobs?a=b;key=" + key, "/api/v1/jobs?" + key,
		"/api/v1/jobs?a=%zz&key=" + key, "/api/v1/jobs?a=%zz%72w_" + key[3:], "/api/v1/jobs?a=b;Access_Token=a.b.c",
	} {
		r := httptest.NewRequest(http.MethodGet, uri, nil)
		r.Header.Set("Authorization", "Bearer "+key)
		refused(t, a, r, runwith.InvalidArgument, "logs keep URLs")
	}
	r := query("state=running&access_token=" + key)
	r.Header.Set("Authorization", "Bearer "+key)
	refused(t, a, r, runwith.InvalidArgument, "logs keep URLs")
	r = query("job=rw_nightly&state=running")
	r.Header.Set("Authorization", "Bearer "+key)
	known(t, a, r, principal.Principal{Name: "docs-api", Proof: principal.APIKey})
	r = httptest.NewRequest(http.MethodGet, "/api/v1/jobs/rw_nightly/"+key[:len(key)-1]+"?label=rw_%zz", nil)
	r.Header.Set("Authorization", "Bearer "+key)
	known(t, a, r, principal.Principal{Name: "docs-api", Proof: principal.APIKey})
	if strings.Contains(l.String(), key) {
		t.Errorf("the log has the key:\n%s", l)
	}
}

// A request without a credential is anonymous only if that is allowed, and a wrong
// credential is never taken for none.
func TestAnonymous(t *testing.T) {
	t.Parallel()
	key := auth.NewKey()
	id, _ := auth.KeyID(key)
	callers := file(t, "callers: {docs-api: {apiKeys: [{id: %s, sha256: %s}]}}", id, auth.HashKey(key))
	a, _ := open(t, newClock(), callers, &principal.LocalUser)
	known(t, a, request(), principal.LocalUser)
	known(t, a, bearer(key), principal.Principal{Name: "docs-api", Proof: principal.APIKey})
	refused(t, a, bearer(auth.NewKey()), runwith.Unauthenticated, "not one of this server's")

	// A file without callers gives a credential no meaning.
	if err := a.Use(file(t, "jobs: {nightly: {}}"), &principal.Principal{}); err != nil {
		t.Fatal(err)
	}
	known(t, a, bearer("whatever"), principal.Principal{})
	if err := a.Use(file(t, "jobs: {nightly: {}}"), nil); err != nil {
		t.Fatal(err)
	}
	refused(t, a, request(), runwith.Unauthenticated, "has no credential")
	refused(t, a, bearer(key), runwith.Unauthenticated, "not one of this server's")
	refused(t, auth.New(auth.Config{}), bearer(key), runwith.Unauthenticated, "not one of this server's")
}

// Without its only key, a caller is nobody, and the server stays closed.
func TestOnlyKeyIsRevoked(t *testing.T) {
	t.Parallel()
	key := auth.NewKey()
	id, _ := auth.KeyID(key)
	a, _ := open(t, newClock(), file(t, "callers: {docs-api: {apiKeys: [{id: %s, sha256: %s}]}}", id, auth.HashKey(key)), nil)
	known(t, a, bearer(key), principal.Principal{Name: "docs-api", Proof: principal.APIKey})
	if err := a.Use(file(t, "callers: {docs-api: {apiKeys: []}}"), nil); err != nil {
		t.Fatal(err)
	}
	refused(t, a, bearer(key), runwith.Unauthenticated, "not one of this server's")
	refused(t, a, request(), runwith.Unauthenticated, "has no credential")
}

// The engine's metadata server is a whole OIDC issuer.
func TestTokenOfTheMetadataServer(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	authority, err := metadata.Open(metadata.Config{URL: server.URL, Project: "demo", Region: "us-east4"})
	if err != nil {
		t.Fatal(err)
	}
	authority.Register(mux)
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet,
		server.URL+"/computeMetadata/v1/instance/service-accounts/default/identity?format=full&audience=https://runwith.example.com", nil)
	r.Header.Set("Metadata-Flavor", "Google")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	token := make([]byte, 1<<14)
	n, _ := response.Body.Read(token)
	a := auth.New(auth.Config{})
	err = a.Use(file(t, `
issuers: {engine: %s}
callers:
  task:
    oidc: {issuer: engine, claims: {email: %s}, audience: https://runwith.example.com}
`, server.URL, authority.ServiceAccount()), nil)
	if err != nil {
		t.Fatal(err)
	}
	known(t, a, bearer(string(token[:n])), principal.Principal{Name: "task", Proof: principal.Token})
}

// Each bad token is refused with the check that failed.
func TestBadTokens(t *testing.T) {
	t.Parallel()
	c := newClock()
	key := rsaSigner(t, "k1", 2048)
	i, foreign := newIssuer(t, key), newIssuer(t, key)
	a, l := open(t, c, file(t, `
issuers: {corp: %s}
callers:
  scheduler:
    oidc: {issuer: corp, subject: "112233445566778899001", audience: ["https://other.example.com", "https://runwith.example.com"]}
`, i.URL), nil)
	good := c.claims(i.URL)
	scheduler := principal.Principal{Name: "scheduler", Proof: principal.Token}
	known(t, a, bearer(key.sign(t, good)), scheduler)
	known(t, a, bearer(key.sign(t, with(good, map[string]any{"aud": []string{"x", "https://runwith.example.com"}}))), scheduler)
	known(t, a, bearer(key.sign(t, with(good, map[string]any{"nbf": c.Now().Add(4 * time.Minute).Unix()}))), scheduler)

	sign := func(others map[string]any) string { return key.sign(t, with(good, others)) }
	token := sign(nil)
	parts := strings.Split(token, ".")
	rs256 := map[string]any{"alg": "RS256", "kid": "k1"}
	small := rsaSigner(t, "k1", 2048)
	for name, test := range map[string]struct{ token, message string }{
		"expired":                {sign(map[string]any{"exp": c.Now().Unix()}), "expired at 2026-11-28T12:00:00Z"},
		"expired long ago":       {sign(map[string]any{"exp": 1}), "expired at 1970-01-01T00:00:01Z"},
		"without end":            {sign(map[string]any{"exp": nil}), "has no end (exp)"},
		"endless":                {sign(map[string]any{"exp": 1e300}), "has no end (exp)"},
		"end in words":           {sign(map[string]any{"exp": "never"}), "has no end (exp)"},
		"not yet valid":          {sign(map[string]any{"nbf": c.Now().Add(6 * time.Minute).Unix()}), "not valid yet (nbf)"},
		"issued in the future":   {sign(map[string]any{"iat": c.Now().Add(6 * time.Minute).Unix()}), "not valid yet (iat)"},
		"foreign audience":       {sign(map[string]any{"aud": "https://elsewhere.example.com"}), `for another audience, "https://elsewhere.example.com"`},
		"several audiences":      {sign(map[string]any{"aud": []string{"a", "b", "c", "d"}}), `"a", "b", "c", ...`},
		"no audience":            {sign(map[string]any{"aud": nil}), "for another audience, none"},
		"audience of gcloud":     {sign(map[string]any{"aud": "32555940559.apps.googleusercontent.com"}), "gcloud makes tokens for an audience only for a service account"},
		"foreign issuer":         {key.sign(t, c.claims(foreign.URL)), "no caller of this server has tokens of it"},
		"no issuer":              {sign(map[string]any{"iss": nil}), `of the issuer ""`},
		"issuer in another case": {sign(map[string]any{"ISS": i.URL}), `its claim "ISS" must be written iss`},
		"foreign subject":        {sign(map[string]any{"sub": "1"}), `its subject (sub) is "1"`},
		"subject is a number":    {sign(map[string]any{"sub": 112233445566778899}), "has an invalid claim"},
		"unsigned":               {parts[0] + "." + parts[1] + ".", "has no signature"},
		"two parts":              {parts[0] + "." + parts[1], "neither an API key"},
		"four parts":             {token + ".x", "neither an API key"},
		"alg none":               {unsigned(map[string]any{"alg": "none"}, good, ""), "has no signature"},
		"alg none, signed":       {unsigned(map[string]any{"alg": "none"}, good, parts[2]), `signed with "none"`},
		"alg NONE":               {unsigned(map[string]any{"alg": "NONE"}, good, parts[2]), `signed with "NONE"`},
		"alg missing":            {unsigned(map[string]any{"kid": "k1"}, good, parts[2]), `signed with ""`},
		"HS256":                  {hs256(t, key, good), `signed with "HS256"`},
		"signature of another":   {small.sign(t, good), "the signature of the ID token is not that of " + i.URL},
		"signature cut":          {token[:len(token)-4], "the signature of the ID token is not that of"},
		"other claims":           {parts[0] + "." + strings.Split(sign(map[string]any{"sub": "2"}), ".")[1] + "." + parts[2], "the signature of the ID token is not that of"},
		"signature removed":      {parts[0] + "." + parts[1] + ".SIGNATURE_REMOVED_BY_GOOGLE", "verify: cloud-run-iam"},
		"embedded key":           {unsigned(map[string]any{"alg": "RS256", "jwk": map[string]string{"kty": "RSA"}}, good, parts[2]), "malformed"},
		"not JSON":               {"e30.bm9uZQ.c2ln", "are not a JSON object"},
		"not base64":             {"!!.e30.c2ln", "base64url"},
		"nothing":                {"..", "base64url"},
		"signature no base64":    {token[:len(token)-1], "base64url"},
		"claims are a list":      {unsigned(rs256, nil, parts[2]), "no caller of this server has tokens of it"},
		"1 MB":                   {parts[0] + "." + strings.Repeat("A", 1<<20) + "." + parts[2], "longer than 8 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := a.Authenticate(bearer(test.token))
			want := test.message
			if name == "embedded key" {
				want = "" // go-jose's reason is its own
			}
			if runwith.CodeOf(err) != runwith.Unauthenticated || !strings.Contains(fmt.Sprint(err), want) || p != (principal.Principal{}) {
				t.Errorf("Authenticate = %v, %v; want UNAUTHENTICATED with %q", p, err, want)
			}
			if len(fmt.Sprint(err)) > 1200 {
				t.Errorf("the message has %d bytes", len(fmt.Sprint(err)))
			}
		})
	}
	if got := foreign.reads.Load(); got != 0 {
		t.Errorf("the keys of an issuer that is not configured were read %d times", got)
	}
	if got := i.reads.Load(); got != 1 {
		t.Errorf("the keys were read %d times, want once", got)
	}
	if strings.Contains(l.String(), parts[2]) || strings.Contains(l.String(), parts[1]) {
		t.Errorf("the log has a token:\n%s", l)
	}
}

// hs256 signs with the public key as the secret, in the forms in which libraries have been
// deceived.
func hs256(t *testing.T, key signer, claims map[string]any) string {
	t.Helper()
	public, ok := key.private.Public().(*rsa.PublicKey)
	if !ok {
		t.Fatal("no RSA key")
	}
	der, err := x509.MarshalPKIXPublicKey(crypto.PublicKey(public))
	if err != nil {
		t.Fatal(err)
	}
	secret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	js, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: secret, KeyID: key.id}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return signWith(t, js, claims)
}

// Who is whom.
func TestCallersOfTokens(t *testing.T) {
	t.Parallel()
	c := newClock()
	key := ecSigner(t, "k1")
	corp, github := newIssuer(t, key), newIssuer(t, key)
	a, _ := open(t, c, file(t, `
issuers: {corp: %s, ci: %s}
callers:
  scheduler: {oidc: {issuer: corp, subject: "112233445566778899001", audience: runwith}}
  mailer: {oidc: {issuer: corp, claims: {email: mail@example.com}, audience: runwith}}
  admin: {oidc: {issuer: corp, claims: {level: "7", admin: "true"}, audience: runwith}}
  several:
    oidc:
      - {issuer: corp, subject: a, audience: runwith}
      - {issuer: ci, subject: b, audience: [runwith, other]}
  repository: {oidc: {issuer: ci, claims: {repository_id: "123456"}, audience: runwith}}
  deploys: {oidc: {issuer: ci, claims: {repository_id: "123456", ref: refs/heads/main}, audience: runwith}}
  owner: {oidc: {issuer: ci, claims: {repository_owner_id: "65"}, audience: runwith}}
  twin: {oidc: {issuer: ci, claims: {environment: production}, audience: runwith}}
`, corp.URL, github.URL), nil)
	for _, test := range []struct {
		issuer *issuer
		claims map[string]any
		want   string // or an error
	}{
		{corp, map[string]any{"sub": "112233445566778899001"}, "scheduler"},
		{github, map[string]any{"sub": "112233445566778899001"}, "error: is none of a caller"},
		{corp, map[string]any{"sub": "x", "email": "mail@example.com", "email_verified": true}, "mailer"},
		{corp, map[string]any{"sub": "x", "email": "mail@example.com", "email_verified": false}, "error: is none of a caller"},
		{corp, map[string]any{"sub": "x", "email": "mail@example.com"}, "error: is none of a caller"},
		{corp, map[string]any{"sub": "x", "email": "MAIL@example.com", "email_verified": true}, "error: is none of a caller"},
		{corp, map[string]any{"sub": "x", "level": 7, "admin": true}, "admin"},
		{corp, map[string]any{"sub": "x", "level": "7", "admin": "true"}, "admin"},
		{corp, map[string]any{"sub": "x", "level": 7.5, "admin": true}, "error: is none of a caller"},
		{corp, map[string]any{"sub": "x", "level": []int{7}, "admin": true}, "error: is none of a caller"},
		{corp, map[string]any{"sub": "x", "level": 7}, "error: is none of a caller"},
		{corp, map[string]any{"sub": "a"}, "several"},
		{corp, map[string]any{"sub": "b"}, "error: is none of a caller"},
		{github, map[string]any{"sub": "b", "aud": "other"}, "several"},
		{corp, map[string]any{"sub": "a", "aud": "other"}, "error: another audience"},
		// The caller with most conditions is the one that is meant.
		{github, map[string]any{"repository_id": "123456", "ref": "refs/heads/main"}, "deploys"},
		{github, map[string]any{"repository_id": "123456", "ref": "refs/heads/feature"}, "repository"},
		{github, map[string]any{"repository_id": 123456, "ref": "refs/heads/feature"}, "repository"},
		{github, map[string]any{"repository_id": "123456", "ref": "refs/heads/main", "repository_owner_id": "65"}, "deploys"},
		{github, map[string]any{"repository_id": "1234567", "repository_owner_id": "65"}, "owner"},
		{github, map[string]any{"repository_id": "123456", "environment": "production"}, "error: fits several callers"},
	} {
		token := key.sign(t, with(with(c.claims(test.issuer.URL), map[string]any{"sub": "none", "aud": "runwith"}), test.claims))
		if message, isError := strings.CutPrefix(test.want, "error: "); isError {
			refused(t, a, bearer(token), runwith.Unauthenticated, message)
			continue
		}
		known(t, a, bearer(token), principal.Principal{Name: test.want, Proof: principal.Token})
	}
}

// The claims of GitHub Actions, with the sub of repositories before and after its change.
func TestGitHubActions(t *testing.T) {
	t.Parallel()
	c := newClock()
	key := rsaSigner(t, "38826b17-6a30-5f9b-b169-8beb8202f723", 2048)
	i := newIssuer(t, key)
	a, _ := open(t, c, file(t, `
issuers: {actions: %s}
callers:
  deploys: {oidc: {issuer: actions, claims: {repository_id: "74", repository_owner_id: "65", ref: refs/heads/main}, audience: runwith}}
`, i.URL), nil)
	claims := map[string]any{
		"iss": i.URL, "aud": "runwith", "jti": "example-id", "exp": c.Now().Add(5 * time.Minute).Unix(), "iat": c.Now().Unix(), "nbf": c.Now().Add(-time.Minute).Unix(),
		"sub": "repo:octo-org/octo-repo:ref:refs/heads/main", "ref": "refs/heads/main", "ref_type": "branch", "sha": "example-sha",
		"repository": "octo-org/octo-repo", "repository_owner": "octo-org", "repository_id": "74", "repository_owner_id": "65", "repository_visibility": "private",
		"actor": "octocat", "actor_id": "12", "run_id": "1", "run_number": "10", "run_attempt": "2", "runner_environment": "github-hosted",
		"workflow": "example-workflow", "job_workflow_ref": "octo-org/octo-repo/.github/workflows/oidc.yml@refs/heads/main", "event_name": "push",
	}
	deploys := principal.Principal{Name: "deploys", Proof: principal.Token}
	for name, others := range map[string]map[string]any{
		"before":      nil,
		"after":       {"sub": "repo:octo-org@65/octo-repo@74:ref:refs/heads/main"},
		"environment": {"sub": "repo:octo-org@65/octo-repo@74:environment:production", "environment": "production"},
		"renamed":     {"sub": "repo:new-org@65/new-repo@74:ref:refs/heads/main", "repository": "new-org/new-repo", "repository_owner": "new-org"},
	} {
		t.Run(name, func(t *testing.T) { known(t, a, bearer(key.sign(t, with(claims, others))), deploys) })
	}
	for name, others := range map[string]map[string]any{
		"another repository":             {"repository_id": "75"},
		"a new repository with the name": {"repository_id": "99", "repository_owner_id": "99"},
		"another branch":                 {"ref": "refs/heads/feature", "sub": "repo:octo-org/octo-repo:ref:refs/heads/feature"},
		"a pull request":                 {"ref": "refs/pull/1/merge", "event_name": "pull_request"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, a, bearer(key.sign(t, with(claims, others))), runwith.Unauthenticated, "is none of a caller")
		})
	}
	refused(t, a, bearer(key.sign(t, with(claims, map[string]any{"aud": "https://github.com/octo-org"}))), runwith.Unauthenticated, "another audience")
}
