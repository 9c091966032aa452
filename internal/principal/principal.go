// Package principal carries the caller of a request through its context.
//
// The server decides who calls and stores that with [With]; everything behind it
// asks [From]. The name of a principal is stable: invocations are stored under it,
// and it owns idempotency keys, so rotating a credential does not change it.
package principal

import "context"

// Proof is how a principal was established.
type Proof string

const (
	// None is the proof of nobody: the request carried no credential.
	None Proof = ""
	// Local is the proof of the user who started the server on their own machine.
	Local Proof = "local"
	// APIKey is the proof of a caller who sent an API key of the configuration.
	APIKey Proof = "api-key"
	// Token is the proof of a caller who sent an ID token, whose signature the server has
	// verified.
	Token Proof = "id-token"
	// CloudRunIAM is the proof of a caller whose ID token Cloud Run has verified in front of
	// the server. Cloud Run removes the signature, so the server trusts Cloud Run.
	CloudRunIAM Proof = "cloud-run-iam"
	// Configuration is the proof of a trigger or a schedule, which the configuration names.
	Configuration Proof = "configuration"
)

// Principal is the caller of a request. The zero value is the anonymous
// principal, of every request without a credential. A Principal is immutable, so it may
// be shared between goroutines.
type Principal struct {
	// Name is stable and unique among all principals; empty for the anonymous one.
	Name string
	// Proof is how the caller was established.
	Proof Proof
}

// LocalUser is the principal of a development server's own user. It has the name of
// the anonymous principal, because both own the same invocations and keys: a data
// folder that was used with one of them continues with the other.
var LocalUser = Principal{Proof: Local}

// String returns the name to show in logs and answers.
func (p Principal) String() string {
	switch {
	case p.Name != "":
		return p.Name
	case p.Proof == Local:
		return "local user"
	}
	return "anonymous"
}

type key struct{}

// With returns a context that carries p.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, key{}, p)
}

// From returns the principal that ctx carries, or the anonymous one.
func From(ctx context.Context) Principal {
	p, _ := ctx.Value(key{}).(Principal)
	return p
}
