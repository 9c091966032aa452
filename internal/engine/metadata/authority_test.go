package metadata_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/metadata"
)

const ownURL = "http://127.0.0.1:8080"

// askIdentity returns an identity token for an audience.
func askIdentity(t *testing.T, h http.Handler, audience, more string) string {
	t.Helper()
	w := ask(h, "GET", accounts+"default/identity?audience="+url.QueryEscape(audience)+more, flavor)
	if w.Code != http.StatusOK {
		t.Fatalf("GET identity for %s = %d %s", audience, w.Code, w.Body)
	}
	return w.Body.String()
}

// tampered changes a letter in the middle of a token's part: 0 is the header, 1 the
// claims, 2 the signature.
func tampered(token string, part int) string {
	parts := strings.Split(token, ".")
	at := len(parts[part]) / 2
	letter := "A"
	if parts[part][at] == 'A' {
		letter = "B"
	}
	parts[part] = parts[part][:at] + letter + parts[part][at+1:]
	return strings.Join(parts, ".")
}

func TestCheck(t *testing.T) {
	t.Parallel()
	authority, h := open(t, stopped(config, noon))
	other := handler(t, stopped(config, noon))
	access, identity := askToken(t, h, "default").AccessToken, askIdentity(t, h, ownURL, "")
	const foreign = "was not issued by this server"
	for _, test := range []struct{ name, token, says string }{
		{"access token", access, ""},
		{"identity token", identity, ""},
		{"full identity token", askIdentity(t, h, ownURL, "&format=full&licenses=TRUE"), ""},
		{"access token of another server", askToken(t, other, "default").AccessToken, foreign},
		{"identity token of another server", askIdentity(t, other, ownURL, ""), foreign},
		{"token of Google's", "ya29.a0AfH6SMB", foreign},
		{"access token as an identity token", strings.TrimPrefix(access, "runwith-"), foreign},
		{"identity token as an access token", "runwith-" + identity, foreign},
		{"access token with another header", tampered(access, 0), foreign},
		{"access token with other claims", tampered(access, 1), foreign},
		{"access token with another signature", tampered(access, 2), foreign},
		{"identity token with other claims", tampered(identity, 1), foreign},
		{"identity token with another signature", tampered(identity, 2), foreign},
		// {"alg":"none"} with the claims of a valid token.
		{"unsigned token", "eyJhbGciOiJub25lIn0." + strings.Split(identity, ".")[1] + ".", foreign},
		{"nothing", "", foreign},
		{"prefix alone", "runwith-", foreign},
		{"dots", "..", foreign},
		{"endless", askIdentity(t, h, ownURL+"/"+strings.Repeat("x", 8<<10), ""), foreign},
	} {
		account, refusal := authority.Check(test.token)
		switch {
		case test.says == "" && (refusal != nil || account != email):
			t.Errorf("%s: Check = %q, %v, want %q", test.name, account, refusal, email)
		case test.says != "" && (refusal == nil || refusal.Code != runwith.Unauthenticated || !strings.Contains(refusal.Message, test.says)):
			t.Errorf("%s: Check = %q, %v, want UNAUTHENTICATED with %q", test.name, account, refusal, test.says)
		}
	}
}

// TestCheckAudience checks that an identity token for another server is refused, because
// that server could use it here.
func TestCheckAudience(t *testing.T) {
	t.Parallel()
	authority, h := open(t, metadata.Config{})
	for audience, want := range map[string]bool{
		ownURL:                        true,
		ownURL + "/":                  true,
		ownURL + "/v2/projects/demo":  true,
		"http://localhost:8080":       true,
		"http://[::1]:8080":           true,
		"https://run.googleapis.com":  true,
		"https://run.googleapis.com/": true,
		"https://run.googleapis.com/google.cloud.run.v2.Jobs":  true,
		"https://us-east4-run.googleapis.com/":                 true,
		"https://logging.googleapis.com/":                      true,
		"http://127.0.0.1:8081":                                false,
		"http://127.0.0.1":                                     false,
		"https://127.0.0.1:8080":                               false,
		"http://192.0.2.1:8080":                                false,
		"http://localhost.example:8080":                        false,
		"http://127.0.0.1:8080@elsewhere.example":              false,
		"http://user@127.0.0.1:8080":                           false,
		"https://run.googleapis.com.example/":                  false,
		"http://run.googleapis.com/":                           false,
		"https://storage.googleapis.com/":                      false,
		"https://evil.example/?x=https://a-run.googleapis.com": false,
		"https://callback.example":                             false,
		"32555940559.apps.googleusercontent.com":               false,
		"127.0.0.1:8080":                                       false,
		"\x7f":                                                 false,
	} {
		_, refusal := authority.Check(askIdentity(t, h, audience, ""))
		if got := refusal == nil; got != want {
			t.Errorf("Check of a token for %q = %v, want acceptance = %t", audience, refusal, want)
		}
		if refusal != nil && !strings.Contains(refusal.Message, "this server, which is "+ownURL) {
			t.Errorf("Check of a token for %q = %v, want an error with the right audience", audience, refusal)
		}
	}
}

// TestCheckIssuer checks that a token issued at another address is refused.
func TestCheckIssuer(t *testing.T) {
	t.Parallel()
	before := keptIn(config, t.TempDir())
	before.URL = "http://127.0.0.1:8081"
	token := askIdentity(t, handler(t, before), ownURL, "")
	authority, _ := open(t, keptIn(config, before.Dir))
	const want = "the token was issued by http://127.0.0.1:8081, and this server is " + ownURL
	if _, refusal := authority.Check(token); refusal == nil || !strings.Contains(refusal.Message, want) {
		t.Errorf("Check = %v, want it refused with %s", refusal, want)
	}
}

func TestCheckExpiry(t *testing.T) {
	t.Parallel()
	now := noon
	c := config
	c.Now = func() time.Time { return now }
	authority, h := open(t, c)
	tokens := map[string]string{"access": askToken(t, h, "default").AccessToken, "identity": askIdentity(t, h, ownURL, "")}
	for _, step := range []struct {
		after time.Duration
		live  bool
	}{
		{0, true},
		{-time.Minute, true},     // the clock was set back
		{58 * time.Minute, true}, // although there is a newer access token
		{time.Hour - time.Second, true},
		{time.Hour, false},
		{100 * time.Hour, false},
	} {
		now = noon.Add(step.after)
		askToken(t, h, "default")
		for kind, token := range tokens {
			_, refusal := authority.Check(token)
			if got := refusal == nil; got != step.live {
				t.Errorf("%v later, Check of the %s token = %v, want acceptance = %t", step.after, kind, refusal, step.live)
			}
			if refusal != nil && !strings.Contains(refusal.Message, "the token has expired, at 2026-01-02T13:00:00Z") {
				t.Errorf("%v later, Check of the %s token = %v, want the time of expiry", step.after, kind, refusal)
			}
		}
	}
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	authority, h := open(t, config)
	token := askToken(t, h, "default").AccessToken
	const hint = `send the header "Authorization: Bearer TOKEN" with the access_token that this prints: ` +
		`curl -H 'Metadata-Flavor: Google' http://127.0.0.1:8080/computeMetadata/v1/instance/service-accounts/default/token`
	for _, test := range []struct {
		name   string
		header []string
		says   string
	}{
		{"a token", []string{"Bearer " + token}, ""},
		{"in other letters", []string{"bearer " + token}, ""},
		{"with spaces", []string{"Bearer   " + token + " "}, ""},
		{"none", nil, "the request has no token, but this server requires one"},
		{"an empty one", []string{""}, "must have exactly one header Authorization: Bearer TOKEN"},
		{"the token alone", []string{token}, "must have exactly one header Authorization: Bearer TOKEN"},
		{"another scheme", []string{"Basic " + token}, "must have exactly one header Authorization: Bearer TOKEN"},
		{"two", []string{"Bearer " + token, "Bearer " + token}, "must have exactly one header Authorization: Bearer TOKEN"},
		{"no token", []string{"Bearer"}, "not issued by this server"},
		{"a wrong one", []string{"Bearer x"}, "not issued by this server"},
	} {
		refusal := authority.Authenticate(http.Header{"Authorization": test.header})
		switch {
		case test.says == "" && refusal != nil:
			t.Errorf("%s: Authenticate = %v, want it accepted", test.name, refusal)
		case test.says != "" && (refusal == nil || !strings.Contains(refusal.Message, test.says) || !strings.HasSuffix(refusal.Message, hint)):
			t.Errorf("%s: Authenticate = %v, want an error with %q and %s", test.name, refusal, test.says, hint)
		}
	}
}

// same reports whether two tokens are equal after decoding their base64.
func same(a, b string) bool {
	partsA, partsB := strings.Split(a, "."), strings.Split(b, ".")
	return slices.EqualFunc(partsA, partsB, func(a, b string) bool {
		rawA, errA := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(a, "runwith-"))
		rawB, errB := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(b, "runwith-"))
		return errA == nil && errB == nil && bytes.Equal(rawA, rawB)
	})
}

// FuzzCheck checks that Check accepts no invented token.
func FuzzCheck(f *testing.F) {
	authority, h := open(f, config)
	access := ask(h, "GET", accounts+"default/token?alt=text", flavor).Body.String()
	access, _, _ = strings.Cut(strings.TrimPrefix(access, "access_token "), "\n")
	identity := ask(h, "GET", accounts+"default/identity?audience="+ownURL, flavor).Body.String()
	for _, seed := range []string{access, identity, tampered(access, 0), tampered(identity, 1), "runwith-..", "a.b.c", `{"payload":"","signatures":[]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if _, refusal := authority.Check(token); refusal == nil && !same(token, access) && !same(token, identity) {
			t.Errorf("Check(%q) = nil, want UNAUTHENTICATED", token)
		}
	})
}
