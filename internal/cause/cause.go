// Package cause names the reason for a failed request if the canonical code of its
// error is not precise enough.
//
// A cause is an error. It belongs into the Err field of a [runwith.Error], alone or
// wrapped together with the error that led to it:
//
//	&runwith.Error{Code: runwith.ResourceExhausted, Err: fmt.Errorf("%w: %w", cause.DiskFull, err)}
//
// Package apierror knows the HTTP status of each cause. Nothing else does, so code that
// detects a cause needs to know nothing of HTTP.
package cause

import (
	"errors"
	"time"
)

// Kind is a cause without further data.
type Kind string

// The kinds.
const (
	// BodyTooLarge: the request's body exceeds the server's limit.
	BodyTooLarge Kind = "request body too large"
	// BodyTooSlow: the request's body did not arrive in time.
	BodyTooSlow Kind = "request body too slow"
	// ContentType: the request's body is not JSON.
	ContentType Kind = "unsupported content type"
	// MethodNotAllowed: the path exists, with other HTTP methods.
	MethodNotAllowed Kind = "method not allowed"
	// KeyReused: the Idempotency-Key belongs to a different request.
	KeyReused Kind = "idempotency key reused"
	// Parameters: the values of a job's parameters are not what its configuration asks for.
	Parameters Kind = "parameters refused"
	// DiskFull: this machine's disk is full, which is no quota of the caller's.
	DiskFull Kind = "disk full"
	// BudgetExhausted: the month's budget has no room for the worst case of the request.
	BudgetExhausted Kind = "budget exhausted"
)

// Kinds returns all kinds.
func Kinds() []Kind {
	return []Kind{BodyTooLarge, BodyTooSlow, ContentType, MethodNotAllowed, KeyReused, Parameters, DiskFull, BudgetExhausted}
}

// Error returns the kind's name, for logs.
func (k Kind) Error() string { return string(k) }

// KindOf returns the first kind in err's tree, or "" if there is none.
func KindOf(err error) Kind {
	kind, _ := errors.AsType[Kind](err)
	return kind
}

// RetryAfter is the cause of a failure that ends by itself, and the time until then.
type RetryAfter time.Duration

// Error returns the time, for logs.
func (r RetryAfter) Error() string { return "retry after " + time.Duration(r).String() }

// RetryAfterOf returns the first [RetryAfter] in err's tree, or 0 if there is none.
func RetryAfterOf(err error) time.Duration {
	after, _ := errors.AsType[RetryAfter](err)
	return time.Duration(after)
}
