package metadata

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/runwith/runwith"
)

// Authority issues and checks tokens, and publishes the key of identity tokens. Its
// methods may be called concurrently.
type Authority struct {
	config   Config
	number   int64     // of the project
	instance string    // ID of this run of the server, for identity tokens
	started  time.Time // start of this run
	access   *keyFile
	identity *keyFile
	tokens   tokens
}

// ServiceAccount returns the e-mail address of the account that tokens name.
func (a *Authority) ServiceAccount() string { return a.config.ServiceAccountEmail }

// Open returns an Authority with the keys in c.Dir. It creates a missing key when it is
// first needed and keeps it, so that tokens survive a restart. An invalid key file is a
// FAILED_PRECONDITION with advice.
func Open(c Config) (*Authority, error) {
	c = c.withDefaults()
	number, err := strconv.ParseInt(c.ProjectNumber, 10, 64)
	if err != nil {
		return nil, runwith.Errorf(runwith.InvalidArgument, "project number %q: must be digits", c.ProjectNumber)
	}
	a := &Authority{
		config:   c,
		number:   number,
		instance: newInstanceID(),
		started:  c.Now(),
		access:   &keyFile{algorithm: jose.HS256, make: newSecret},
		identity: &keyFile{algorithm: jose.RS256, make: newSigningKey},
	}
	if c.Dir != "" {
		a.access.path = filepath.Join(c.Dir, "access-token.jwk")
		a.identity.path = filepath.Join(c.Dir, "identity-token.jwk")
	}
	for _, key := range []*keyFile{a.access, a.identity} {
		if err := key.read(); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// newInstanceID returns an ID in the form of Cloud Run's instance IDs.
func newInstanceID() string {
	id := make([]byte, 32)
	rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

// Handlers returns the Authority's handlers, by pattern of [http.ServeMux]: the metadata
// server, and the documents for verifying identity tokens. None of them requires a token,
// because callers get their tokens there.
func (a *Authority) Handlers() map[string]http.Handler {
	server := &server{entries: a.entries(), log: a.config.Logger}
	return map[string]http.Handler{
		"/computeMetadata/":    server,
		"/{$}":                 server, // libraries probe here for a metadata server
		"GET " + discoveryPath: http.HandlerFunc(a.serveDiscovery),
		"GET " + certsPath:     http.HandlerFunc(a.serveCerts),
	}
}

// Register adds the Handlers to mux.
func (a *Authority) Register(mux *http.ServeMux) {
	for pattern, handler := range a.Handlers() {
		mux.Handle(pattern, handler)
	}
}

// Authenticate returns nil if the request's header h has a token that [Authority.Check]
// accepts. Otherwise it returns an UNAUTHENTICATED error that explains how to get one.
//
// See https://www.rfc-editor.org/rfc/rfc6750#section-2.1.
func (a *Authority) Authenticate(h http.Header) *runwith.Error {
	values := h.Values("Authorization")
	if len(values) == 0 {
		return a.refuse("the request has no token, but this server requires one")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return a.refuse("the request must have exactly one header Authorization: Bearer TOKEN")
	}
	_, refusal := a.Check(strings.TrimSpace(token))
	return refusal
}

// Check returns the account of a valid token: an access token of this Authority, or an
// identity token whose audience is this server. For any other token it returns an
// UNAUTHENTICATED error with the reason.
//
// Deviation: Google's APIs accept only access tokens. Check also accepts identity tokens,
// so that programs that send them can be tested.
func (a *Authority) Check(token string) (email string, refusal *runwith.Error) {
	if reason := a.reasonAgainst(token); reason != "" {
		return "", a.refuse(reason)
	}
	return a.config.ServiceAccountEmail, nil
}

// maxToken limits a token's length before parsing.
const maxToken = 8 << 10

const foreign = "the token was not issued by this server"

// reasonAgainst returns the reason to refuse a token, or nothing.
func (a *Authority) reasonAgainst(token string) string {
	if len(token) > maxToken {
		return foreign
	}
	if signed, ok := strings.CutPrefix(token, tokenPrefix); ok {
		return a.reasonAgainstAccess(signed)
	}
	return a.reasonAgainstIdentity(token)
}

// refuse returns the error with the reason and with the command that gets a token.
func (a *Authority) refuse(reason string) *runwith.Error {
	return runwith.Errorf(runwith.Unauthenticated,
		"%s; send the header \"Authorization: Bearer TOKEN\" with the access_token that this prints: curl -H '%s: %s' %s%s",
		reason, flavorHeader, flavor, a.config.URL, root+tokenPath)
}
