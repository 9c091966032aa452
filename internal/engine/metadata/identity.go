package metadata

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/runwith/runwith"
)

// identityClaims are the claims of an identity token.
//
// See https://cloud.google.com/compute/docs/instances/verifying-instance-identity#payload.
type identityClaims struct {
	Issuer          string           `json:"iss"`
	Audience        string           `json:"aud"`
	AuthorizedParty string           `json:"azp"`
	Subject         string           `json:"sub"`
	Email           string           `json:"email"`
	EmailVerified   bool             `json:"email_verified"`
	IssuedAt        *jwt.NumericDate `json:"iat"`
	Expiry          *jwt.NumericDate `json:"exp"`
	Google          *googleClaims    `json:"google,omitempty"` // only in the format full
}

type googleClaims struct {
	ComputeEngine instanceClaims `json:"compute_engine"`
}

// instanceClaims omit the claims for the name and the licenses, which an instance here
// does not have.
type instanceClaims struct {
	ProjectID     string `json:"project_id"`
	ProjectNumber int64  `json:"project_number"`
	Zone          string `json:"zone"`
	InstanceID    string `json:"instance_id"`
	Created       int64  `json:"instance_creation_timestamp"` // seconds
}

// identityToken returns an identity token for the audience in the query.
//
// Deviation: the issuer is this server, never https://accounts.google.com.
func (a *Authority) identityToken(query url.Values) (any, error) {
	claims, err := a.identityClaims(query)
	if err != nil {
		return nil, err
	}
	key, err := a.identity.use()
	if err != nil {
		return nil, err
	}
	return sign(key, claims)
}

func (a *Authority) identityClaims(query url.Values) (*identityClaims, error) {
	audience := query.Get("audience")
	if audience == "" {
		return nil, runwith.Errorf(runwith.InvalidArgument, "non-empty audience parameter required: set it to the URL of the token's receiver, audience=https://...")
	}
	if _, err := flag(query, "licenses"); err != nil {
		return nil, err
	}
	now := a.config.Now()
	subject := uniqueID(a.config.ServiceAccountEmail)
	claims := &identityClaims{
		Issuer:          a.config.URL,
		Audience:        audience,
		AuthorizedParty: subject,
		Subject:         subject,
		Email:           a.config.ServiceAccountEmail,
		EmailVerified:   true,
		IssuedAt:        jwt.NewNumericDate(now),
		Expiry:          jwt.NewNumericDate(now.Add(tokenLifetime)),
	}
	switch format := query.Get("format"); format {
	case "", "standard":
	case "full":
		claims.Google = &googleClaims{instanceClaims{
			ProjectID:     a.config.Project,
			ProjectNumber: a.number,
			Zone:          a.config.zone(),
			InstanceID:    a.instance,
			Created:       a.started.Unix(),
		}}
	default:
		return nil, runwith.Errorf(runwith.InvalidArgument, "format: must be standard or full, not %q", format)
	}
	return claims, nil
}

// uniqueID returns a service account's ID: 21 digits, derived from its address.
func uniqueID(email string) string {
	sum := sha256.Sum256([]byte(email))
	return fmt.Sprintf("1%020d", binary.BigEndian.Uint64(sum[:]))
}

// reasonAgainstIdentity returns the reason to refuse an identity token, or nothing.
func (a *Authority) reasonAgainstIdentity(signed string) string {
	claims, err := verify(a.identity, signed)
	switch {
	case err != nil:
		return foreign
	case claims.Issuer != a.config.URL:
		return fmt.Sprintf("the token was issued by %s, and this server is %s", claims.Issuer, a.config.URL)
	case len(claims.Audience) != 1 || !a.isAudience(claims.Audience[0]):
		return fmt.Sprintf("the token is for %q, and not for this server, which is %s", claims.Audience, a.config.URL)
	}
	return a.reasonAgainstAge(claims)
}

// isAudience reports whether an audience means this server: its own URL, by any name of
// this machine, or the URL of an emulated Google API, because Google's clients use that
// one. It ignores the path.
func (a *Authority) isAudience(audience string) bool {
	named, err := url.Parse(audience)
	if err != nil || named.User != nil {
		return false
	}
	switch named.Scheme {
	case "https":
		return named.Host == "run.googleapis.com" || named.Host == "logging.googleapis.com" ||
			strings.HasSuffix(named.Host, "-run.googleapis.com")
	case "http":
		own, err := url.Parse(a.config.URL)
		return err == nil && sameServer(named, own)
	}
	return false
}

// sameServer reports whether two http URLs name one server. All names of the loopback
// interface are equal; ports must match.
func sameServer(a, b *url.URL) bool {
	return cmp.Or(a.Port(), "80") == cmp.Or(b.Port(), "80") &&
		(a.Hostname() == b.Hostname() || isLoopback(a.Hostname()) && isLoopback(b.Hostname()))
}
