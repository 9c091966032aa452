package kube

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Reasons of a [StatusError] that have no HTTP status of their own.
const (
	ReasonAlreadyExists = "AlreadyExists"
	ReasonExpired       = "Expired"
)

// causeTerminating is the cause of a refusal in a namespace that is being deleted.
const causeTerminating = "NamespaceTerminating"

// StatusError is a refusal of the API server.
// https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
type StatusError struct {
	Code       int           // HTTP status
	Reason     string        // such as NotFound; may be empty
	Causes     []string      // more reasons, such as NamespaceTerminating
	Message    string        // for people
	RetryAfter time.Duration // how long to wait before the next try; 0 if the server does not say
}

func (e *StatusError) Error() string { return e.Message }

// IsNotFound reports that the object is not there.
func IsNotFound(err error) bool { return codeOf(err) == http.StatusNotFound }

// IsConflict reports that the object is another one, or another version, than asked for.
func IsConflict(err error) bool {
	return codeOf(err) == http.StatusConflict && reasonOf(err) != ReasonAlreadyExists
}

// IsAlreadyExists reports that the name is taken.
func IsAlreadyExists(err error) bool { return reasonOf(err) == ReasonAlreadyExists }

// IsForbidden reports that the server does not allow the request: a missing permission, a
// quota or an admission rule, as the message says.
func IsForbidden(err error) bool { return codeOf(err) == http.StatusForbidden }

// IsUnauthorized reports that the server does not know who asks: credentials have expired, or are
// wrong.
func IsUnauthorized(err error) bool { return codeOf(err) == http.StatusUnauthorized }

// IsQuotaExceeded reports that a ResourceQuota of the namespace is used up, or is so new that
// nobody has counted yet what it limits. The API has no reasons for these.
func IsQuotaExceeded(err error) bool {
	return IsForbidden(err) && (strings.Contains(err.Error(), "exceeded quota") || strings.Contains(err.Error(), "status unknown for quota"))
}

// IsNotPermitted reports that the caller has no permission. A server that has just started refuses
// everything: it has not read the roles, or cannot check Pods yet. The API has no reasons for
// these, either.
func IsNotPermitted(err error) bool {
	return IsForbidden(err) && (strings.Contains(err.Error(), `forbidden: User "`) || strings.Contains(err.Error(), "not yet ready to handle request"))
}

// IsNamespaceTerminating reports that the namespace is being deleted.
func IsNamespaceTerminating(err error) bool {
	status := (*StatusError)(nil)
	return errors.As(err, &status) && slices.Contains(status.Causes, causeTerminating)
}

// IsExpired reports that a resource version is too old to go on from.
func IsExpired(err error) bool {
	return codeOf(err) == http.StatusGone || reasonOf(err) == ReasonExpired
}

// IsTransient reports that a later try of the same request may succeed: the server is
// away, busy, or has had a fault.
func IsTransient(err error) bool {
	if err == nil {
		return false
	}
	var status *StatusError
	if !errors.As(err, &status) {
		return true // no answer
	}
	return status.Code == http.StatusTooManyRequests || status.Code >= http.StatusInternalServerError
}

func codeOf(err error) int {
	if status := (*StatusError)(nil); errors.As(err, &status) {
		return status.Code
	}
	return 0
}

func reasonOf(err error) string {
	if status := (*StatusError)(nil); errors.As(err, &status) {
		return status.Reason
	}
	return ""
}
