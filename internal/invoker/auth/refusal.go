package auth

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/lograte"
)

// The reasons of refusals, which are values of a metric's label.
const (
	reasonMissing     = "missing"       // no credential
	reasonMalformed   = "malformed"     // neither a key nor a token
	reasonSeveral     = "several"       // two credentials, or one in the URL
	reasonKey         = "key"           // an unknown or wrong API key
	reasonExpired     = "expired"       // of a key or token
	reasonNotYetValid = "not_yet_valid" // of a token
	reasonIssuer      = "issuer"
	reasonSignature   = "signature"
	reasonAudience    = "audience"
	reasonCaller      = "caller"      // a valid token that matches no caller
	reasonUnavailable = "unavailable" // the issuer's keys cannot be read
)

// refusal is why a request has no principal.
type refusal struct {
	reason string
	err    *runwith.Error
	key    string // ID of the API key; empty: none, or malformed
}

// refuse returns a refusal with a message for the caller.
func refuse(reason string, code runwith.Code, format string, args ...any) *refusal {
	return &refusal{reason: reason, err: runwith.Errorf(code, format, args...)}
}

// because adds a cause, which is only logged.
func (r *refusal) because(err error) *refusal {
	r.err.Err = err
	return r
}

// of adds the ID of the key that was refused, for the log.
func (r *refusal) of(key string) *refusal {
	r.key = key
	return r
}

// quote returns a text of the caller for a message, without control characters and not too
// long.
func quote(text string) string {
	const most = 200
	if len(text) > most {
		text = text[:most] + "..."
	}
	return fmt.Sprintf("%q", text)
}

// attempts logs refusals at a bounded rate.
type attempts struct {
	log  *slog.Logger
	rate lograte.Limit
}

// add logs a refused request, without its credential.
func (a *attempts) add(r *http.Request, why *refusal, now time.Time) {
	attrs := []any{"reason", why.reason, "detail", why.err.Error(), "remote", r.RemoteAddr}
	if why.key != "" {
		attrs = append(attrs, "key", why.key)
	}
	if why.err.Err != nil {
		attrs = append(attrs, "cause", why.err.Err)
	}
	if attrs, ok := a.rate.Take(now, attrs...); ok {
		a.log.WarnContext(r.Context(), "request was not authenticated", attrs...)
	}
}
