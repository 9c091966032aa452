package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
)

// maxToken limits a token before anything is read of it. Tokens of Google and GitHub have
// about 1 KiB.
const maxToken = 8 << 10

// token is an ID token whose parts have been read, but not verified.
type token struct {
	text      string
	algorithm string
	issuer    string
	claims    claims
	removed   bool // Cloud Run has removed the signature
}

// readToken reads the parts of a token.
func readToken(text string) (*token, *refusal) {
	malformed := func(why string) *refusal {
		return refuse(reasonMalformed, runwith.Unauthenticated, "the ID token is malformed: %s", why)
	}
	if len(text) > maxToken {
		return nil, malformed("it is longer than 8 KiB")
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, malformed("it must have three parts with dots between them")
	}
	head, err1 := base64.RawURLEncoding.DecodeString(parts[0])
	payload, err2 := base64.RawURLEncoding.DecodeString(parts[1])
	_, err3 := base64.RawURLEncoding.DecodeString(parts[2])
	var header struct {
		Algorithm string `json:"alg"`
	}
	if errors.Join(err1, err2, err3) != nil || json.Unmarshal(head, &header) != nil {
		return nil, malformed("its parts must be in base64url, and the first two must be JSON")
	}
	c, err := readClaims(payload)
	if err != nil {
		return nil, malformed(err.Error())
	}
	return &token{text, header.Algorithm, canonical(c.word("iss")), c, parts[2] == signatureRemoved}, nil
}

// checkForm refuses tokens that no key can have signed for this server.
func (t *token) checkForm() *refusal {
	switch {
	case t.removed:
		return refuse(reasonSignature, runwith.Unauthenticated,
			"the ID token has no signature: Cloud Run's IAM check has removed it; this server verifies signatures itself, "+
				"so send its token in X-Serverless-Authorization and this server's credential in Authorization, or let its operator set verify: cloud-run-iam")
	case strings.HasSuffix(t.text, "."):
		return refuse(reasonSignature, runwith.Unauthenticated, "the ID token has no signature")
	case !slices.Contains(algorithms(), jose.SignatureAlgorithm(t.algorithm)):
		return refuse(reasonSignature, runwith.Unauthenticated,
			"the ID token is signed with %s: it must be an asymmetric algorithm, such as RS256, ES256 or EdDSA", quote(t.algorithm))
	}
	return nil
}

// recorded is a key set that keeps its error, which go-oidc turns into text.
type recorded struct {
	*keySet
	err error
}

// VerifySignature implements [oidc.KeySet].
func (r *recorded) VerifySignature(ctx context.Context, token string) (payload []byte, err error) {
	payload, r.err = r.keySet.VerifySignature(ctx, token)
	return payload, r.err
}

// verify returns why a token of the issuer is not valid now, or nil.
func (t *token) verify(ctx context.Context, keys *keySet, now time.Time) *refusal {
	names := make([]string, 0, len(algorithms()))
	for _, a := range algorithms() {
		names = append(names, string(a))
	}
	set := &recorded{keySet: keys}
	_, err := oidc.NewVerifier(keys.issuer, set, &oidc.Config{
		SkipClientIDCheck:    true, // callerOf compares several audiences
		SupportedSigningAlgs: names,
		Now:                  func() time.Time { return now },
	}).Verify(ctx, t.text)
	if err == nil {
		return t.claims.checkTimes(now)
	}
	if unavailable, ok := errors.AsType[*keysUnavailableError](set.err); ok {
		return refuse(reasonUnavailable, runwith.Unavailable, "the keys of %s cannot be read, so its ID tokens cannot be verified now", keys.issuer).
			because(errors.Join(cause.RetryAfter(unavailable.after), unavailable))
	}
	switch {
	case errors.Is(set.err, errUnknownKey):
		return refuse(reasonSignature, runwith.Unauthenticated, "the ID token is signed with a key that %s does not publish", keys.issuer)
	case set.err != nil:
		return refuse(reasonSignature, runwith.Unauthenticated, "the signature of the ID token is not that of %s", keys.issuer).because(err)
	}
	if why := t.claims.checkTimes(now); why != nil { // says more than go-oidc
		return why
	}
	return refuse(reasonMalformed, runwith.Unauthenticated, "the ID token has an invalid claim").because(err)
}

// hash identifies a token without keeping it.
func (t *token) hash() [sha256.Size]byte { return sha256.Sum256([]byte(t.text)) }
