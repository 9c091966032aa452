package metadata

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	// tokenPrefix marks runwith's access tokens, so that nobody takes them for Google's.
	// Only this server understands the rest.
	tokenPrefix   = "runwith-"
	tokenLifetime = time.Hour
	// tokenMargin is how long before its expiry a token is replaced, so that callers
	// always get a token that lasts a while.
	tokenMargin = 5 * time.Minute
	// tokenPath is the path of tokens below root.
	tokenPath = "instance/service-accounts/default/token"
)

// token is the answer with a token, in the form of Google's server.
type token struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"` // seconds
	TokenType   string `json:"token_type"`
}

// lines returns the token as text.
func (t token) lines() []string {
	return []string{
		"access_token " + t.AccessToken,
		fmt.Sprintf("expires_in %d", t.ExpiresIn),
		"token_type " + t.TokenType,
	}
}

// tokens caches the current access token.
type tokens struct {
	mu    sync.Mutex
	value string
	end   time.Time
}

// token returns the current access token.
//
// Deviation: the token is valid for every scope, whatever the caller requested.
func (a *Authority) token(url.Values) (any, error) {
	key, err := a.access.use()
	if err != nil {
		return nil, err
	}
	t := &a.tokens
	t.mu.Lock()
	defer t.mu.Unlock()
	now := a.config.Now()
	if t.end.Sub(now) <= tokenMargin {
		end := now.Add(tokenLifetime)
		signed, err := sign(key, jwt.Claims{ID: rand.Text(), Expiry: jwt.NewNumericDate(end)})
		if err != nil {
			return nil, err
		}
		t.value, t.end = tokenPrefix+signed, end
	}
	return token{AccessToken: t.value, ExpiresIn: int(t.end.Sub(now) / time.Second), TokenType: "Bearer"}, nil
}

// sign returns claims as a JSON Web Token.
func sign(key *jose.JSONWebKey, claims any) (string, error) {
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key},
		new(jose.SignerOptions).WithType("JWT"))
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}

// verify returns the claims of a token if the key has signed it.
func verify(f *keyFile, signed string) (*jwt.Claims, error) {
	key := f.known()
	if key == nil {
		return nil, errors.New("there is no key, so no token was signed")
	}
	parsed, err := jwt.ParseSigned(signed, []jose.SignatureAlgorithm{f.algorithm})
	if err != nil {
		return nil, err
	}
	verifier := *key // for a secret key
	if f.algorithm == jose.RS256 {
		verifier = key.Public()
	}
	claims := new(jwt.Claims)
	return claims, parsed.Claims(verifier, claims)
}

// reasonAgainstAccess returns the reason to refuse an access token without its prefix, or
// nothing. Its duration reveals nothing about valid tokens.
func (a *Authority) reasonAgainstAccess(signed string) string {
	claims, err := verify(a.access, signed)
	if err != nil {
		return foreign
	}
	return a.reasonAgainstAge(claims)
}

// reasonAgainstAge returns the reason if a token has expired, or nothing.
func (a *Authority) reasonAgainstAge(claims *jwt.Claims) string {
	if end := claims.Expiry.Time(); !a.config.Now().Before(end) {
		return "the token has expired, at " + end.UTC().Format(time.RFC3339)
	}
	return ""
}
