package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/runwith/runwith/internal/invoker/auth"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/principal"
)

// issuer is an OIDC issuer with keys that the test chooses.
type issuer struct {
	*httptest.Server
	reads atomic.Int32 // of the keys

	mu       sync.Mutex
	claimed  string // the issuer in the discovery document; empty: its own URL
	keys     []jose.JSONWebKey
	control  string // Cache-Control
	status   int    // of the keys; 0: 200
	keysPath string // or a whole URL
}

func newIssuer(t *testing.T, keys ...signer) *issuer {
	t.Helper()
	i := &issuer{keysPath: "/keys"}
	i.Server = httptest.NewServer(i)
	t.Cleanup(i.Close)
	i.publish(keys...)
	return i
}

func (i *issuer) publish(keys ...signer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = nil
	for _, key := range keys {
		i.keys = append(i.keys, jose.JSONWebKey{Key: key.private.Public(), KeyID: key.id, Use: "sig"})
	}
}

// answer makes the issuer answer requests for its keys with a status.
func (i *issuer) answer(status int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.status = status
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		url, keys := i.claimed, i.keysPath
		if url == "" {
			url = i.URL
		}
		if strings.HasPrefix(keys, "/") {
			keys = i.URL + keys
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": url, "jwks_uri": keys})
	case "/keys":
		i.reads.Add(1)
		if i.status != 0 {
			w.WriteHeader(i.status)
			return
		}
		w.Header().Set("Cache-Control", i.control)
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: i.keys})
	default:
		http.NotFound(w, r)
	}
}

// signer signs tokens.
type signer struct {
	id        string
	algorithm jose.SignatureAlgorithm
	private   crypto.Signer
}

func rsaSigner(t *testing.T, id string, bits int) signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return signer{id, jose.RS256, key}
}

func ecSigner(t *testing.T, id string) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{id, jose.ES256, key}
}

func edSigner(t *testing.T, id string) signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{id, jose.EdDSA, key}
}

// sign returns a token with the claims.
func (s signer) sign(t *testing.T, claims map[string]any) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType("JWT")
	if s.id != "" {
		options = options.WithHeader("kid", s.id)
	}
	js, err := jose.NewSigner(jose.SigningKey{Algorithm: s.algorithm, Key: s.private}, options)
	if err != nil {
		t.Fatal(err)
	}
	return signWith(t, js, claims)
}

// unsigned returns a token with any header and signature.
func unsigned(header, claims map[string]any, signature string) string {
	part := func(v any) string {
		text, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	return part(header) + "." + part(claims) + "." + signature
}

// with returns claims with others.
func with(claims map[string]any, others map[string]any) map[string]any {
	all := maps.Clone(claims)
	for name, value := range others {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	return all
}

// clock is a clock that a test moves.
type clock struct{ now atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.now.Store(time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) Now() time.Time       { return time.Unix(0, c.now.Load()).UTC() }
func (c *clock) add(by time.Duration) { c.now.Add(int64(by)) }

// claims are those of a Google account, valid for an hour.
func (c *clock) claims(issuer string) map[string]any {
	return map[string]any{
		"iss": issuer, "aud": "https://runwith.example.com", "sub": "112233445566778899001",
		"iat": c.Now().Unix(), "exp": c.Now().Add(time.Hour).Unix(),
	}
}

// file is a configuration with one job.
func file(t *testing.T, yaml string, values ...any) *configfile.File {
	t.Helper()
	f, err := configfile.Read("runwith.yaml", fmt.Sprintf(yaml, values...), nil)
	if err != nil {
		t.Fatalf("configuration: %v", err)
	}
	return f
}

// open returns an Authenticator with the callers of a file, and what it logs.
func open(t *testing.T, c *clock, f *configfile.File, anonymous *principal.Principal) (*auth.Authenticator, *log) {
	t.Helper()
	l := &log{}
	a := auth.New(auth.Config{Now: c.Now, Logger: slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err := a.Use(f, anonymous); err != nil {
		t.Fatal(err)
	}
	return a, l
}

// log keeps what is logged.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// request returns a request with header lines.
func request(headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/api/v1/invocations", nil)
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func bearer(credential string) *http.Request { return request("Authorization: Bearer " + credential) }

// signWith returns a token with the claims.
func signWith(t *testing.T, js jose.Signer, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := js.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}
