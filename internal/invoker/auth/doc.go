// Package auth authenticates the callers of the invoker.
//
// A request has one credential in the header Authorization: an API key, whose hash is in the
// configuration, or an OIDC ID token of a configured issuer. An [Authenticator] turns it into
// a principal. Package access decides what the principal may do.
//
//	rw_k7Qm2x_...            key.go       one hash, compared in constant time
//	head.claims.signature    token.go     keyset.go has the issuer's keys, claims.go the claims
//	head.claims.REMOVED      iam.go       Cloud Run has verified it, if the configuration says so
//
// The work for a request is bounded: a token has at most 8 KiB, and an issuer is asked for
// its keys at most once in 30 seconds, whatever callers send. Messages to callers name the
// failed check. They never contain a credential, and are the same for an unknown key and a
// wrong one.
package auth
