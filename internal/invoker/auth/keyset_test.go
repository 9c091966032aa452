package auth_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/invoker/auth"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/principal"
)

const oneCaller = `
issuers: {corp: "%s"}
callers:
  scheduler: {oidc: {issuer: corp, subject: "112233445566778899001", audience: "https://runwith.example.com"}}
`

func scheduler() principal.Principal {
	return principal.Principal{Name: "scheduler", Proof: principal.Token}
}

// Tokens with unknown keys make the server read the issuer's keys once in 30 seconds.
func TestStormOfUnknownKeys(t *testing.T) {
	t.Parallel()
	c := newClock()
	key := ecSigner(t, "k1")
	i := newIssuer(t, key)
	a, l := open(t, c, file(t, oneCaller, i.URL), nil)
	good := key.sign(t, c.claims(i.URL))
	known(t, a, bearer(good), scheduler())
	c.add(31 * time.Second)
	var storm sync.WaitGroup
	for n := range 200 {
		storm.Go(func() {
			stranger := key
			stranger.id = fmt.Sprint("unknown", n)
			token := stranger.sign(t, c.claims(i.URL))
			refused(t, a, bearer(token), runwith.Unauthenticated, "signed with a key that "+i.URL+" does not publish")
		})
	}
	storm.Wait()
	if got := i.reads.Load(); got != 2 {
		t.Errorf("the keys were read %d times, want 2: at first, and for the storm", got)
	}
	known(t, a, bearer(good), scheduler())
	if lines := strings.Count(l.String(), "was not authenticated"); lines > 20 {
		t.Errorf("the storm made %d lines in the log", lines)
	}
}

// Requests that arrive together share the first read of the keys.
func TestOneReadForAll(t *testing.T) {
	t.Parallel()
	c := newClock()
	key := edSigner(t, "k1")
	i := newIssuer(t, key)
	a, _ := open(t, c, file(t, oneCaller, i.URL), nil)
	token := key.sign(t, c.claims(i.URL))
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { known(t, a, bearer(token), scheduler()) })
	}
	all.Wait()
	if got := i.reads.Load(); got != 1 {
		t.Errorf("the keys were read %d times, want once", got)
	}
}

func TestKeyRotation(t *testing.T) {
	t.Parallel()
	c := newClock()
	first, second := ecSigner(t, "k1"), rsaSigner(t, "k2", 2048)
	i := newIssuer(t, first)
	i.control = "public, max-age=3600"
	a, _ := open(t, c, file(t, oneCaller, i.URL), nil)
	token := func(key signer) *http.Request { return bearer(key.sign(t, c.claims(i.URL))) }
	known(t, a, token(first), scheduler())
	old := token(first)
	known(t, a, old, scheduler())

	i.publish(first, second)
	c.add(31 * time.Second)
	known(t, a, token(second), scheduler())
	known(t, a, token(first), scheduler())

	// A withdrawn key counts until the keys are due, and a token that it has verified too.
	i.publish(second)
	known(t, a, old, scheduler())
	c.add(3*time.Hour + time.Minute)
	old = token(first)
	refused(t, a, old, runwith.Unauthenticated, "does not publish")
	known(t, a, token(second), scheduler())
	if got := i.reads.Load(); got != 3 {
		t.Errorf("the keys were read %d times, want 3", got)
	}
}

// A token that was verified is not accepted any more once the keys have been read without
// its key.
func TestRememberedTokenOfWithdrawnKey(t *testing.T) {
	t.Parallel()
	c := newClock()
	first, second := ecSigner(t, "k1"), ecSigner(t, "k2")
	i := newIssuer(t, first)
	i.control = "max-age=60"
	a, _ := open(t, c, file(t, oneCaller, i.URL), nil)
	old := bearer(first.sign(t, c.claims(i.URL)))
	for range 3 {
		known(t, a, old, scheduler())
	}
	i.publish(second)
	c.add(3 * time.Minute)
	refused(t, a, old, runwith.Unauthenticated, "does not publish")
	// The end of a remembered token is checked at each use.
	next := bearer(second.sign(t, c.claims(i.URL)))
	for range 3 {
		known(t, a, next, scheduler())
	}
	c.add(time.Hour)
	refused(t, a, next, runwith.Unauthenticated, "expired at")
}

// Old keys stay while the issuer is down, and the keys survive a reload of the callers.
func TestIssuerDown(t *testing.T) {
	t.Parallel()
	c := newClock()
	key := ecSigner(t, "k1")
	i := newIssuer(t, key)
	i.answer(http.StatusInternalServerError)
	f := file(t, oneCaller, i.URL)
	a, l := open(t, c, f, nil)
	token := func() *http.Request { return bearer(key.sign(t, c.claims(i.URL))) }
	refused(t, a, token(), runwith.Unavailable, "the keys of "+i.URL+" cannot be read")
	_, err := a.Authenticate(token())
	if after := apierror.RetryAfter(err); after < 1 || after > 5 {
		t.Errorf("Retry-After = %d, want 1 to 5 seconds", after)
	}
	if got := i.reads.Load(); got != 1 {
		t.Errorf("the keys were read %d times within 5 seconds, want once", got)
	}
	if !strings.Contains(l.String(), "500 Internal Server Error") {
		t.Errorf("the log does not show why:\n%s", l)
	}
	i.answer(0)
	c.add(6 * time.Second)
	known(t, a, token(), scheduler())

	i.answer(http.StatusServiceUnavailable)
	for range 50 {
		c.add(time.Hour)
		known(t, a, token(), scheduler())
	}
	if err := a.Use(f, nil); err != nil {
		t.Fatal(err)
	}
	known(t, a, token(), scheduler())
	stranger := key
	stranger.id = "k2"
	refused(t, a, bearer(stranger.sign(t, c.claims(i.URL))), runwith.Unauthenticated, "does not publish")
}

// Keys that cannot be trusted are not used.
func TestUntrustedKeys(t *testing.T) {
	t.Parallel()
	key := ecSigner(t, "k1")
	elsewhere := newIssuer(t, key)
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to+r.URL.Path, http.StatusFound) }
	}
	for name, test := range map[string]struct {
		issuer func(t *testing.T) (url string)
		log    string
	}{
		"discovery of another issuer": {func(t *testing.T) string {
			i := newIssuer(t, key)
			i.claimed = "https://other.example.com"
			return i.URL
		}, "document is that of another issuer"},
		"slash at the end":      {func(t *testing.T) string { i := newIssuer(t, key); i.claimed = i.URL + "/"; return i.URL }, "document is that of another issuer"},
		"keys over http":        {func(t *testing.T) string { i := newIssuer(t, key); i.keysPath = "http://192.0.2.1/keys"; return i.URL }, "jwks_uri must be an https URL"},
		"keys in a file":        {func(t *testing.T) string { i := newIssuer(t, key); i.keysPath = "file:///etc/passwd"; return i.URL }, "jwks_uri must be an https URL"},
		"no keys":               {func(t *testing.T) string { return newIssuer(t).URL }, "publishes no key"},
		"weak key":              {func(t *testing.T) string { return newIssuer(t, rsaSigner(t, "k1", 1024)).URL }, "publishes no key"},
		"redirect elsewhere":    {func(t *testing.T) string { return serve(t, redirect(elsewhere.URL)) }, "redirects to another server"},
		"redirects without end": {func(t *testing.T) string { return serve(t, redirect("/again")) }, "redirects too often"},
		"endless document": {func(t *testing.T) string {
			return serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, endless{}) })
		}, "larger than 524288 bytes"},
		"not JSON": {func(t *testing.T) string {
			return serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") })
		}, "not the expected JSON"},
		"nobody": {func(*testing.T) string { return "http://127.0.0.1:1" }, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, url := newClock(), test.issuer(t)
			a, l := open(t, c, file(t, oneCaller, url), nil)
			refused(t, a, bearer(key.sign(t, c.claims(url))), runwith.Unavailable, "cannot be read")
			if !strings.Contains(l.String(), test.log) {
				t.Errorf("log = %s, want %q", l, test.log)
			}
		})
	}
	if got := elsewhere.reads.Load(); got != 0 {
		t.Errorf("the redirect was followed %d times", got)
	}
}

// endless is a document without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, strings.Repeat(" ", len(p))), nil }

func serve(t *testing.T, h http.HandlerFunc) (url string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// The keys are kept as long as the issuer says, within limits.
func TestKeysAreReadAgain(t *testing.T) {
	t.Parallel()
	for control, want := range map[string]time.Duration{
		"":                                10 * time.Minute,
		"public, max-age=7200":            2 * time.Hour,
		`Max-Age="1800", must-revalidate`: 30 * time.Minute,
		"max-age=1":                       time.Minute,
		"max-age=-5":                      time.Minute,
		"max-age=99999999999999999999":    time.Minute,
		"max-age=31536000":                24 * time.Hour,
		"no-store":                        time.Minute,
		"no-cache, max-age=3600":          time.Minute,
	} {
		t.Run(control, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			key := ecSigner(t, "k1")
			i := newIssuer(t, key)
			i.control = control
			a, _ := open(t, c, file(t, oneCaller, i.URL), nil)
			token := func() *http.Request { return bearer(key.sign(t, c.claims(i.URL))) }
			known(t, a, token(), scheduler())
			c.add(2*want - time.Second)
			if want > time.Minute {
				c.add(-want)
				known(t, a, token(), scheduler())
				if got := i.reads.Load(); got != 1 {
					t.Errorf("the keys were read %d times before they are due, want once", got)
				}
				c.add(want)
			}
			c.add(time.Second)
			known(t, a, token(), scheduler())
			if got := i.reads.Load(); got != 2 {
				t.Errorf("the keys were read %d times after twice their time, want twice", got)
			}
		})
	}
}

// Callers change while requests arrive.
func TestReload(t *testing.T) {
	t.Parallel()
	c := newClock()
	key := ecSigner(t, "k1")
	i := newIssuer(t, key)
	files := []*configfile.File{file(t, oneCaller, i.URL), file(t, strings.ReplaceAll(oneCaller, "scheduler", "renamed"), i.URL)}
	a, _ := open(t, c, files[0], nil)
	token := key.sign(t, c.claims(i.URL))
	var requests sync.WaitGroup
	for range 4 {
		requests.Go(func() {
			for range 500 {
				p, err := a.Authenticate(bearer(token))
				if err != nil || p.Name != "scheduler" && p.Name != "renamed" {
					t.Errorf("during a reload: %v, %v", p, err)
				}
			}
		})
	}
	for n := range 200 {
		if err := a.Use(files[n%2], nil); err != nil {
			t.Error(err)
		}
	}
	requests.Wait()
	if got := i.reads.Load(); got != 1 {
		t.Errorf("the keys were read %d times over 200 reloads, want once", got)
	}
	if err := a.Use(file(t, "callers: {x: {apiKeys: [{id: a, sha256: %s}]}}", auth.HashKey("x")), nil); err != nil {
		t.Fatal(err)
	}
	refused(t, a, bearer(token), runwith.Unauthenticated, "no caller of this server has tokens of it")
}
