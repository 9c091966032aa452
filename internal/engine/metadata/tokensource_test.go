package metadata_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/runwith/runwith/internal/engine/metadata"
)

func TestTokenSource(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(handler(t, config))
	defer server.Close()
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	for _, host := range []string{"127.0.0.1:" + port, "localhost:" + port} {
		source, err := metadata.NewTokenSource(host, nil)
		if err != nil {
			t.Fatal(err)
		}
		token, err := source.Token()
		if err != nil {
			t.Fatal(err)
		}
		if !token.Valid() {
			t.Errorf("token of %s = %+v, want a valid one", host, token)
		}
		if token.Type() != "Bearer" {
			t.Errorf("type of the token of %s = %q, want Bearer", host, token.Type())
		}
		if !strings.HasPrefix(token.AccessToken, "runwith-") {
			t.Errorf("token of %s = %q, want runwith- in front", host, token.AccessToken)
		}
	}
}

func TestTokenSourceAddress(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"127.0.0.1:8080": true, "127.1.2.3:80": true, "[::1]:8080": true, "localhost:8080": true,
		"": false, "127.0.0.1": false, "localhost": false, "192.0.2.1:80": false, "0.0.0.0:80": false, ":80": false,
		"metadata.google.internal:80": false, "169.254.169.254:80": false, "localhost.example:80": false,
		"127.0.0.1:@elsewhere.example": false, "127.0.0.1:80@elsewhere.example:80": false, "http://127.0.0.1:80": false,
		"127.0.0.1:80/path": false, "127.0.0.1:": false,
	} {
		_, err := metadata.NewTokenSource(host, nil)
		if got := err == nil; got != want {
			t.Errorf("NewTokenSource(%q) = %v, want success = %t", host, err, want)
		}
	}
}

func TestTokenSourceRefusesOtherAnswers(t *testing.T) {
	t.Parallel()
	const own = `{"access_token":"runwith-x","expires_in":60,"token_type":"Bearer"}`
	for _, test := range []struct {
		name, flavor string
		status       int
		body, says   string
	}{
		{"another's token", "Google", 200, `{"access_token":"ya29.x","expires_in":60,"token_type":"Bearer"}`, "did not return a runwith token"},
		{"no token", "Google", 200, `{}`, "did not return a runwith token"},
		{"expired", "Google", 200, `{"access_token":"runwith-x","expires_in":0}`, "did not return a runwith token"},
		{"no JSON", "Google", 200, `oops`, "parse token"},
		{"no metadata server", "", 200, own, "not a metadata server"},
		{"error", "Google", 403, "lacks the header\n", "403 Forbidden: lacks the header"},
		{"redirect", "Google", 302, own, "302 Found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Metadata-Flavor", test.flavor)
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(test.status)
				w.Write([]byte(test.body))
			}))
			defer server.Close()
			source, err := metadata.NewTokenSource(server.Listener.Addr().String(), server.Client())
			if err != nil {
				t.Fatal(err)
			}
			if token, err := source.Token(); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("Token() = %v, %v, want an error with %q", token, err, test.says)
			}
		})
	}
}

func TestIfAny(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(handler(t, config))
	defer server.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	for name, test := range map[string]struct{ host, prefix string }{
		"a metadata server": {server.Listener.Addr().String(), "runwith-"},
		"another server":    {other.Listener.Addr().String(), ""},
		"no server":         {"127.0.0.1:1", ""},
	} {
		source, err := metadata.NewTokenSource(test.host, nil)
		if err != nil {
			t.Fatal(err)
		}
		token, err := metadata.IfAny(source).Token()
		if err != nil || token == nil {
			t.Fatalf("%s: Token() = %v, %v, want one without an error", name, token, err)
		}
		if !strings.HasPrefix(token.AccessToken, test.prefix) {
			t.Errorf("%s: token = %q, want the prefix %q", name, token.AccessToken, test.prefix)
		}
		if got, want := token.AccessToken == "", test.prefix == ""; got != want {
			t.Errorf("%s: token = %q, empty: %t, want %t", name, token.AccessToken, got, want)
		}
	}
}

// counted passes requests to a handler in the same process and counts them.
type counted struct {
	handler http.Handler
	count   atomic.Int32
}

func (c *counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.count.Add(1)
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

func TestTokenSourceCachesToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &counted{handler: handler(t, config)}
		source, err := metadata.NewTokenSource("127.0.0.1:80", &http.Client{Transport: server})
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			pause time.Duration
			want  int32
		}{
			{0, 1}, {0, 1}, {30 * time.Minute, 1}, {28 * time.Minute, 1}, {2 * time.Minute, 2}, {time.Hour, 3},
		} {
			time.Sleep(step.pause)
			token, err := source.Token()
			if err != nil || !token.Valid() {
				t.Fatalf("Token() = %v, %v, want a valid token", token, err)
			}
			if got := server.count.Load(); got != step.want {
				t.Errorf("%v later: %d requests, want %d", step.pause, got, step.want)
			}
		}
	})
}
