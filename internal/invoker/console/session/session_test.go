package session_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/auth"
	"github.com/runwith/runwith/internal/invoker/console/session"
	"github.com/runwith/runwith/internal/principal"
)

// callers know one key.
type callers struct {
	auth.Key

	anonymous *principal.Principal
}

func (c *callers) Authenticate(r *http.Request) (principal.Principal, error) {
	switch {
	case r.Header.Get("Authorization") == "Bearer program":
		return principal.Principal{Name: "program", Proof: principal.APIKey}, nil
	case r.Header.Get("Authorization") == "" && c.anonymous != nil:
		return *c.anonymous, nil
	}
	return principal.Principal{}, runwith.Errorf(runwith.Unauthenticated, "unknown credential")
}

func (c *callers) SignIn(_ *http.Request, key string) (auth.Key, error) {
	if key != "right" {
		return auth.Key{}, runwith.Errorf(runwith.Unauthenticated, "unknown key")
	}
	return c.Key, nil
}

func (c *callers) Lives(k auth.Key) bool {
	return k.ID == c.ID && k.Caller == c.Caller && k.Print == c.Print
}

// browser keeps the cookies of a visitor.
type browser struct {
	host    string
	tls     bool
	cookies map[string]*http.Cookie
}

func (b *browser) request(method, body string) *http.Request {
	r := httptest.NewRequest(method, "http://"+b.host+"/", strings.NewReader(body))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if b.tls {
		r.Header.Set("X-Forwarded-Proto", "https")
	}
	for _, c := range b.cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	return r
}

// keep keeps the cookies of an answer.
func (b *browser) keep(w *httptest.ResponseRecorder) {
	for _, c := range w.Result().Cookies() {
		if b.cookies == nil {
			b.cookies = map[string]*http.Cookie{}
		}
		if b.cookies[c.Name] = c; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
}

// server is a server with its visitors and a clock.
type server struct {
	*session.Visitors

	callers *callers
	now     time.Time
}

func newServer(secret byte) *server {
	s := &server{callers: &callers{Key: auth.Key{ID: "k1", Caller: "docs"}}, now: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)}
	s.Visitors = session.New(session.Config{
		Secret: bytes.Repeat([]byte{secret}, 32), Callers: s.callers, Now: func() time.Time { return s.now },
	})
	return s
}

// signIn signs a visitor in.
func (s *server) signIn(t *testing.T, b *browser) {
	t.Helper()
	w := httptest.NewRecorder()
	if err := s.SignIn(w, b.request(http.MethodPost, ""), "right"); err != nil {
		t.Fatal(err)
	}
	b.keep(w)
}

// who returns the caller that the server sees, or the code of its refusal.
func (s *server) who(b *browser) string {
	p, signedIn, err := s.Identify(b.request(http.MethodGet, ""))
	switch {
	case err != nil:
		return runwith.CodeOf(err).String()
	case signedIn:
		return p.Name + " by session"
	}
	return p.String()
}

func TestSession(t *testing.T) {
	t.Parallel()
	const unknown = "UNAUTHENTICATED"
	for _, test := range []struct {
		name   string
		change func(s *server, b *browser)
		want   string
	}{
		{"lasts", func(s *server, _ *browser) { s.now = s.now.Add(8*time.Hour - time.Second) }, "docs by session"},
		{"ends after hours", func(s *server, _ *browser) { s.now = s.now.Add(8 * time.Hour) }, unknown},
		{"ends with its key", func(s *server, _ *browser) { s.callers.ID = "k2" }, unknown},
		{"ends when its key is another caller's", func(s *server, _ *browser) { s.callers.Caller = "other" }, unknown},
		{"ends when its key has another secret", func(s *server, _ *browser) { s.callers.Print = "2" }, unknown},
		{"ends when the visitor signs out", func(s *server, b *browser) {
			w := httptest.NewRecorder()
			s.SignOut(w, b.request(http.MethodPost, ""))
			b.keep(w)
		}, unknown},
		{"is of one server", func(s *server, _ *browser) { *s = *newServer(2) }, unknown},
		{"cannot be changed", func(_ *server, b *browser) {
			for _, c := range b.cookies {
				c.Value = "A" + c.Value[1:]
			}
		}, unknown},
		{"cannot be cut", func(_ *server, b *browser) {
			for _, c := range b.cookies {
				c.Value = c.Value[:len(c.Value)-1]
			}
		}, unknown},
		{"needs its MAC", func(_ *server, b *browser) {
			for _, c := range b.cookies {
				c.Value, _, _ = strings.Cut(c.Value, ".")
			}
		}, unknown},
		{"cannot be a form's token", func(s *server, b *browser) {
			for name, c := range b.cookies {
				content, _, _ := strings.Cut(c.Value, ".")
				b.cookies = map[string]*http.Cookie{name: {Name: name, Value: content + "." + s.Token(httptest.NewRecorder(), b.request(http.MethodGet, ""))}}
			}
		}, unknown},
		{"gives way to the local user", func(s *server, _ *browser) {
			s.callers.anonymous, s.now = &principal.LocalUser, s.now.Add(9*time.Hour)
		}, principal.LocalUser.String()},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, b := newServer(1), &browser{host: "runwith.example.com"}
			s.signIn(t, b)
			test.change(s, b)
			if got := s.who(b); got != test.want {
				t.Errorf("the caller is %s, want %s", got, test.want)
			}
		})
	}
}

// A session never lasts longer than its key.
func TestSessionEndsWithItsKey(t *testing.T) {
	t.Parallel()
	s, b := newServer(1), &browser{host: "localhost:8080"}
	s.callers.Expires = s.now.Add(time.Hour)
	s.signIn(t, b)
	s.now = s.now.Add(time.Hour)
	if got := s.who(b); got != "UNAUTHENTICATED" {
		t.Errorf("the caller is %s after the end of the key", got)
	}
}

// Scripts cannot read a cookie, and other sites cannot use it. Two servers on one machine do not
// overwrite each other's.
func TestCookies(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		host string
		tls  bool
		want string
	}{
		{"127.0.0.1:8080", false, "runwith-session-8080"},
		{"127.0.0.1:8081", false, "runwith-session-8081"},
		{"runwith.example.com", true, "__Host-runwith-session"},
	} {
		s, b := newServer(1), &browser{host: test.host, tls: test.tls}
		s.signIn(t, b)
		c := b.cookies[test.want]
		if c == nil {
			t.Fatalf("%s: cookies = %v, want %s", test.host, b.cookies, test.want)
		}
		for _, field := range []struct {
			name      string
			got, want any
		}{
			{"HttpOnly", c.HttpOnly, true}, {"SameSite", c.SameSite, http.SameSiteStrictMode}, {"Secure", c.Secure, test.tls},
			{"Path", c.Path, "/"}, {"Domain", c.Domain, ""}, {"MaxAge", c.MaxAge, 8 * 60 * 60},
		} {
			if field.got != field.want {
				t.Errorf("%s: %s of the cookie = %v, want %v", test.host, field.name, field.got, field.want)
			}
		}
	}
}

// A header decides before a session.
func TestHeaderBeforeSession(t *testing.T) {
	t.Parallel()
	s, b := newServer(1), &browser{host: "localhost"}
	s.signIn(t, b)
	for header, want := range map[string]string{"Bearer program": "program", "Bearer wrong": ""} {
		r := b.request(http.MethodGet, "")
		r.Header.Set("Authorization", header)
		p, signedIn, err := s.Identify(r)
		if p.Name != want || signedIn || (err == nil) != (want != "") {
			t.Errorf("%s: the caller is %q, %v, %v; want %q", header, p.Name, signedIn, err, want)
		}
	}
}

// TestKeyInTheURL checks that a request with a key in its URL is refused, even if its visitor has
// signed in.
func TestKeyInTheURL(t *testing.T) {
	t.Parallel()
	s, b := newServer(1), &browser{host: "localhost"}
	s.signIn(t, b)
	r := b.request(http.MethodGet, "")
	r.URL.RawQuery = "api_key=x"
	if p, signedIn, err := s.Identify(r); runwith.CodeOf(err) != runwith.InvalidArgument || signedIn {
		t.Errorf("the caller is %q, %v, %v; want INVALID_ARGUMENT", p.Name, signedIn, err)
	}
}

func TestWrongKey(t *testing.T) {
	t.Parallel()
	s, b := newServer(1), &browser{host: "localhost"}
	w := httptest.NewRecorder()
	err := s.SignIn(w, b.request(http.MethodPost, ""), "wrong")
	if runwith.CodeOf(err) != runwith.Unauthenticated || len(w.Result().Cookies()) > 0 {
		t.Errorf("sign in = %v with cookies %v, want UNAUTHENTICATED and none", err, w.Result().Cookies())
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(s *server, b *browser, r *http.Request) *http.Request
		ok     bool
	}{
		{"a form of the visitor's page", nil, true},
		{"of the same origin", func(_ *server, _ *browser, r *http.Request) *http.Request {
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			r.Header.Set("Origin", "http://localhost:8080")
			return r
		}, true},
		{"of another site", func(_ *server, _ *browser, r *http.Request) *http.Request {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			return r
		}, false},
		{"of another origin", func(_ *server, _ *browser, r *http.Request) *http.Request {
			r.Header.Set("Origin", "http://localhost:9090")
			return r
		}, false},
		{"without the token", func(_ *server, b *browser, _ *http.Request) *http.Request {
			return b.request(http.MethodPost, "a=b")
		}, false},
		{"with another visitor's token", func(s *server, b *browser, _ *http.Request) *http.Request {
			other := &browser{host: b.host}
			w := httptest.NewRecorder()
			token := s.Token(w, other.request(http.MethodGet, ""))
			return b.request(http.MethodPost, url.Values{"token": {token}}.Encode())
		}, false},
		{"without cookies", func(_ *server, b *browser, r *http.Request) *http.Request {
			r.Header.Del("Cookie")
			return r
		}, false},
	} {
		s, b := newServer(1), &browser{host: "localhost:8080"}
		w := httptest.NewRecorder()
		token := s.Token(w, b.request(http.MethodGet, ""))
		b.keep(w)
		r := b.request(http.MethodPost, url.Values{"token": {token}}.Encode())
		if test.change != nil {
			r = test.change(s, b, r)
		}
		if err := s.CheckPost(r); (err == nil) != test.ok || err != nil && runwith.CodeOf(err) != runwith.PermissionDenied {
			t.Errorf("%s: CheckPost = %v, want ok = %t", test.name, err, test.ok)
		}
	}
}

// Who signs in gets new tokens: a page from before is nobody's any more.
func TestSigningInEndsForms(t *testing.T) {
	t.Parallel()
	s, b := newServer(1), &browser{host: "localhost:8080"}
	w := httptest.NewRecorder()
	token := s.Token(w, b.request(http.MethodGet, ""))
	b.keep(w)
	s.signIn(t, b)
	if err := s.CheckPost(b.request(http.MethodPost, url.Values{"token": {token}}.Encode())); err == nil {
		t.Error("a form from before the visitor signed in is accepted")
	}
}

// A server without callers has nobody to sign in.
func TestEverybody(t *testing.T) {
	t.Parallel()
	v := session.New(session.Config{Secret: make([]byte, 32), Principal: principal.LocalUser})
	b := &browser{host: "localhost:8080"}
	if p, signedIn, err := v.Identify(b.request(http.MethodGet, "")); p != principal.LocalUser || signedIn || err != nil {
		t.Errorf("Identify = %v, %t, %v; want the local user", p, signedIn, err)
	}
	if err := v.SignIn(httptest.NewRecorder(), b.request(http.MethodPost, ""), "right"); runwith.CodeOf(err) != runwith.FailedPrecondition {
		t.Errorf("SignIn = %v, want FAILED_PRECONDITION", err)
	}
}

// Whatever a browser sends as a session is nobody's, unless the server has made it.
func FuzzSession(f *testing.F) {
	s, b := newServer(1), &browser{host: "localhost"}
	w := httptest.NewRecorder()
	if err := s.SignIn(w, b.request(http.MethodPost, ""), "right"); err != nil {
		f.Fatal(err)
	}
	right := w.Result().Cookies()[0].Value
	for _, seed := range []string{right, right[1:], right + "x", "", ".", "a.b.c", strings.Repeat("A", 5000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		b := &browser{host: "localhost", cookies: map[string]*http.Cookie{"runwith-session": {Name: "runwith-session", Value: value}}}
		if got := s.who(b); got == "docs by session" && value != right {
			t.Errorf("%q is a session", value)
		}
	})
}

// A form that cannot be read is refused for its own reason, and not for the token in it.
func TestFormThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s, b := newServer(1), &browser{host: "127.0.0.1:8080"}
	w := httptest.NewRecorder()
	s.Token(w, b.request(http.MethodGet, ""))
	b.keep(w)
	large := b.request(http.MethodPost, "token=x")
	large.Body = io.NopCloser(failing{runwith.Errorf(runwith.InvalidArgument, "the body is too large")})
	if err := s.CheckPost(large); err == nil || err.Error() != "the body is too large" {
		t.Errorf("a form that is too large: %v", err)
	}
	for _, body := range []string{"token=%zz", strings.Repeat("a=1&", 20_000)} {
		if err := s.CheckPost(b.request(http.MethodPost, body)); runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("a form that begins with %.12s: %v", body, err)
		}
	}
}

// failing is a body that cannot be read.
type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }
