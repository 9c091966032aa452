package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/metrics"
	"github.com/runwith/runwith/internal/principal"
)

// Config configures an [Authenticator]. The zero value works.
type Config struct {
	// Logger logs refused requests, at a bounded rate, and the use of credentials; nil
	// discards them.
	Logger *slog.Logger
	// Transport reads the keys of issuers; nil is Go's default, with the proxies of the
	// environment.
	Transport http.RoundTripper
	// Now is the clock; nil is the machine's.
	Now func() time.Time
}

// Authenticator finds the callers of requests. Its methods may be called concurrently.
// [Authenticator.Use] gives it callers; before, it knows none and refuses every request.
type Authenticator struct {
	client   *http.Client
	log      *slog.Logger
	now      func() time.Time
	current  atomic.Pointer[setting]
	attempts attempts
	uses     uses
	verified verified
	requests *metrics.Counter

	mu   sync.Mutex
	sets map[string]*keySet // by issuer; they stay when the callers change
}

// setting is what Use sets.
type setting struct {
	*callers
	anonymous *principal.Principal
}

// New returns an Authenticator. It does no I/O.
func New(c Config) *Authenticator {
	a := &Authenticator{
		client: newClient(c.Transport), log: c.Logger, now: c.Now, sets: map[string]*keySet{},
		requests: newCounter(),
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.now == nil {
		a.now = time.Now
	}
	a.attempts.log = a.log
	a.current.Store(&setting{callers: &callers{}})
	return a
}

// Use replaces all callers at once by those of a file. Requests that are under way keep
// theirs. anonymous is the principal of requests without a credential; nil refuses them. If
// the file has no callers, it ignores credentials, and all requests are anonymous.
func (a *Authenticator) Use(f *configfile.File, anonymous *principal.Principal) error {
	all, err := newCallers(f)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	sets := map[string]*keySet{}
	for issuer := range all.tokens {
		if sets[issuer] = a.sets[issuer]; sets[issuer] == nil {
			sets[issuer] = &keySet{issuer: issuer, client: a.client, log: a.log, now: a.now}
		}
	}
	a.sets = sets
	a.current.Store(&setting{all, anonymous})
	return nil
}

// Authenticate returns the principal of a request. Otherwise it returns a [*runwith.Error]
// for the caller: UNAUTHENTICATED, INVALID_ARGUMENT for more than one credential, or
// UNAVAILABLE while the keys of an issuer cannot be read. It logs refusals.
func (a *Authenticator) Authenticate(r *http.Request) (principal.Principal, error) {
	p, why := a.identify(r)
	if why != nil {
		a.requests.Inc(why.reason)
		a.attempts.add(r, why, a.now())
		return principal.Principal{}, why.err
	}
	a.requests.Inc(accepted(p.Proof))
	return p, nil
}

func (a *Authenticator) identify(r *http.Request) (principal.Principal, *refusal) {
	s := a.current.Load()
	if s.empty && s.anonymous != nil {
		return *s.anonymous, nil
	}
	credential, why := credentialOf(r)
	switch {
	case why != nil:
		return principal.Principal{}, why
	case credential == "" && s.fromIAM:
		return a.identifyIAM(r, s)
	case credential == "" && s.fromIAP && r.Header[iapHeader] != nil:
		return a.identifyIAP(r, s)
	case credential == "":
		return withoutCredential(s)
	case strings.HasPrefix(credential, keyPrefix):
		return a.identifyKey(r.Context(), s, credential)
	case strings.Count(credential, ".") != 2:
		return principal.Principal{}, unknownForm(credential)
	}
	return a.identifyToken(r, s, credential)
}

func withoutCredential(s *setting) (principal.Principal, *refusal) {
	if s.anonymous != nil {
		return *s.anonymous, nil
	}
	return principal.Principal{}, refuse(reasonMissing, runwith.Unauthenticated,
		"the request has no credential: send the header Authorization: Bearer CREDENTIAL, with an API key or an ID token")
}

// unknownForm returns the refusal of a text that is neither a key nor a token.
func unknownForm(credential string) *refusal {
	hint := ""
	if strings.HasPrefix(credential, "ya29.") {
		hint = "; it is an access token of Google, so use gcloud auth print-identity-token instead"
	}
	return refuse(reasonMalformed, runwith.Unauthenticated, "the credential is neither an API key (rw_...) nor an ID token%s", hint)
}

// identifyKey returns the caller of an API key. Unknown IDs take the time of known ones.
func (a *Authenticator) identifyKey(ctx context.Context, s *setting, text string) (principal.Principal, *refusal) {
	id, ok := KeyID(text)
	if !ok {
		return principal.Principal{}, refuse(reasonMalformed, runwith.Unauthenticated,
			"the API key is incomplete or has a typing error: its checksum does not fit")
	}
	key, known := s.keys[id]
	hash := sha256.Sum256([]byte(text))
	if subtle.ConstantTimeCompare(hash[:], key.hash[:]) != 1 || !known {
		return principal.Principal{}, errKey().of(id)
	}
	now := a.now()
	if !key.expires.IsZero() && !now.Before(key.expires) {
		return principal.Principal{}, refuse(reasonExpired, runwith.Unauthenticated,
			"the API key %s expired at %s: ask the server's operator for a new one (runwith keys new)", id, key.expires.Format(time.RFC3339)).of(id)
	}
	a.uses.add(ctx, a.log, credentialUse{key.caller, "API key", id}, now)
	return principal.Principal{Name: key.caller, Proof: principal.APIKey}, nil
}

// identifyToken returns the caller of an ID token in Authorization.
func (a *Authenticator) identifyToken(r *http.Request, s *setting, text string) (principal.Principal, *refusal) {
	t, why := readToken(text)
	if why != nil {
		return principal.Principal{}, why
	}
	if t.removed && s.fromIAM {
		if why := checkedByCloudRun(r); why != nil {
			return principal.Principal{}, why
		}
		return a.trusted(r.Context(), s, t)
	}
	if why := t.checkForm(); why != nil {
		return principal.Principal{}, why
	}
	keys := a.keysOf(t.issuer)
	if keys == nil {
		return principal.Principal{}, refuse(reasonIssuer, runwith.Unauthenticated,
			"the ID token is of the issuer %s, and no caller of this server has tokens of it", quote(t.issuer))
	}
	if why := a.verify(r.Context(), t, keys); why != nil {
		return principal.Principal{}, why
	}
	return a.named(r.Context(), s, t, principal.Token)
}

// identifyIAM returns the caller of a request without Authorization. Its token, if it has
// one, is in the header that Cloud Run reads first.
func (a *Authenticator) identifyIAM(r *http.Request, s *setting) (principal.Principal, *refusal) {
	text, why := bearer(r.Header, serverlessHeader)
	switch {
	case why != nil:
		return principal.Principal{}, why
	case text == "":
		return withoutCredential(s)
	}
	t, why := readToken(text)
	switch {
	case why != nil:
		return principal.Principal{}, why
	case !t.removed:
		return principal.Principal{}, refuse(reasonSignature, runwith.Unauthenticated,
			"the ID token in X-Serverless-Authorization still has its signature, so Cloud Run's IAM check has not seen it; send a token for this server in Authorization")
	}
	return a.trusted(r.Context(), s, t)
}

// trusted returns the caller of a token that Cloud Run has checked.
func (a *Authenticator) trusted(ctx context.Context, s *setting, t *token) (principal.Principal, *refusal) {
	if why := t.trust(a.now()); why != nil {
		return principal.Principal{}, why
	}
	return a.named(ctx, s, t, principal.CloudRunIAM)
}

// named returns the caller of a valid token.
func (a *Authenticator) named(ctx context.Context, s *setting, t *token, proof principal.Proof) (principal.Principal, *refusal) {
	name, why := callerOf(s.tokens[t.issuer], t.issuer, t.claims)
	if why != nil {
		return principal.Principal{}, why
	}
	a.uses.add(ctx, a.log, credentialUse{name, "ID token", t.issuer}, a.now())
	return principal.Principal{Name: name, Proof: proof}, nil
}

// verify returns why a token is not valid. It remembers valid ones.
func (a *Authenticator) verify(ctx context.Context, t *token, keys *keySet) *refusal {
	hash := t.hash()
	if a.verified.has(hash, keys) {
		return t.claims.checkTimes(a.now())
	}
	version := keys.currentVersion() // before, so that keys that change meanwhile do not count
	why := t.verify(ctx, keys, a.now())
	if why == nil {
		a.verified.add(hash, keys, version)
	}
	return why
}

func (a *Authenticator) keysOf(issuer string) *keySet {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sets[issuer]
}
