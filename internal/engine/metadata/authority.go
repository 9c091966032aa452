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

// Authority issues tokens, publishes the key of those that others can verify, and
// judges what it is shown. Its methods may be called concurrently.
type Authority struct {
	config   Config
	number   int64     // of the project
	instance string    // ID of this run of the server, which the tokens name
	started  time.Time // of this run
	access   *keyFile
	identity *keyFile
	tokens   tokens
}

// Open returns an Authority over the keys in c.Dir. A key that is not there yet is
// made when it is first needed, and kept, so that a token outlives the server that
// gave it out. A file there that is no key is a FAILED_PRECONDITION, which says what
// to do.
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

// newInstanceID returns an ID of the form that Cloud Run's instances have.
func newInstanceID() string {
	id := make([]byte, 32)
	rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

// Handlers returns what the Authority serves, by pattern of [http.ServeMux]: the metadata
// server, and the documents by which its identity tokens are verified. All of it is open
// to everybody who can reach it, because callers get their tokens there.
func (a *Authority) Handlers() map[string]http.Handler {
	server := &server{entries: a.entries(), log: a.config.Logger}
	return map[string]http.Handler{
		"/computeMetadata/":    server,
		"/{$}":                 server, // where libraries look whether this is a metadata server
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

// Authenticate returns nil for a request whose header carries a token that
// [Authority.Check] accepts, and else an UNAUTHENTICATED error, which says where a
// token is to be had.
//
// See https://www.rfc-editor.org/rfc/rfc6750#section-2.1.
func (a *Authority) Authenticate(h http.Header) *runwith.Error {
	values := h.Values("Authorization")
	if len(values) == 0 {
		return a.refuse("the request carries no token, and this server was told to ask for one")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return a.refuse("the header Authorization must be there once, and be Bearer TOKEN")
	}
	_, refusal := a.Check(strings.TrimSpace(token))
	return refusal
}

// Check returns the account that a token speaks for: an access token of this
// Authority, or an identity token whose audience is this server. For any other it
// returns an UNAUTHENTICATED error with the reason.
//
// Deviation: Google's APIs take access tokens alone. Identity tokens are taken, too,
// so that what sends them can be tried where no other service is.
func (a *Authority) Check(token string) (email string, refusal *runwith.Error) {
	if reason := a.reasonAgainst(token); reason != "" {
		return "", a.refuse(reason)
	}
	return a.config.ServiceAccountEmail, nil
}

// maxToken bounds a token's length, before anything is made of it.
const maxToken = 8 << 10

const foreign = "the token is not one of this server's"

// reasonAgainst returns why a token is not accepted, or nothing.
func (a *Authority) reasonAgainst(token string) string {
	if len(token) > maxToken {
		return foreign
	}
	if signed, ok := strings.CutPrefix(token, tokenPrefix); ok {
		return a.reasonAgainstAccess(signed)
	}
	return a.reasonAgainstIdentity(token)
}

// refuse says why a request has not shown who sends it, and how it can.
func (a *Authority) refuse(reason string) *runwith.Error {
	return runwith.Errorf(runwith.Unauthenticated,
		"%s; send the header \"Authorization: Bearer TOKEN\" with the access_token that this prints: curl -H '%s: %s' %s%s",
		reason, flavorHeader, flavor, a.config.URL, root+tokenPath)
}
