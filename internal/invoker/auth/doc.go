// Package auth decides who calls the invoker.
//
// A request proves its caller with one credential in the header Authorization: an API key,
// of which the configuration has only the hash, or an OIDC ID token of a configured issuer.
// An [Authenticator] turns it into a principal; what that principal may do is decided
// elsewhere.
//
//	rw_k7Qm2x_...            key.go       one hash, compared in constant time
//	head.claims.signature    token.go     keyset.go has the issuer's keys, claims.go the claims
//	head.claims.REMOVED      iam.go       Cloud Run has verified it, if the configuration says so
//
// The work for a request is bounded: a token has at most 8 KiB, and an issuer is asked for
// its keys at most once in 30 seconds, whatever callers send. Messages to callers name the
// failed check. They never have a credential, and do not tell an unknown key from a wrong
// one.
package auth
