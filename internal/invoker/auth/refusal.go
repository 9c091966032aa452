package auth

import (
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/runwith/runwith"
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

// Failed attempts are logged at this rate, so that nobody can fill a disk with them.
const (
	attemptBurst = 10
	attemptEvery = 10 * time.Second
)

// attempts logs refusals at a bounded rate.
type attempts struct {
	log *slog.Logger

	mu     sync.Mutex
	room   int
	filled time.Time
	silent int // refusals that were not logged
}

// add logs a refused request, without its credential.
func (a *attempts) add(r *http.Request, why *refusal, now time.Time) {
	silent, ok := a.take(now)
	if !ok {
		return
	}
	attrs := []any{"reason", why.reason, "detail", why.err.Error(), "remote", r.RemoteAddr}
	if why.key != "" {
		attrs = append(attrs, "key", why.key)
	}
	if why.err.Err != nil {
		attrs = append(attrs, "cause", why.err.Err)
	}
	if silent > 0 {
		attrs = append(attrs, "unlogged", silent)
	}
	a.log.WarnContext(r.Context(), "request was not authenticated", attrs...)
}

// take reports whether there is room for one more line, and how many were left out before.
func (a *attempts) take(now time.Time) (silent int, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.filled.IsZero() {
		a.room, a.filled = attemptBurst, now
	}
	if more := int(now.Sub(a.filled) / attemptEvery); more > 0 {
		a.room, a.filled = min(attemptBurst, a.room+more), now
	}
	if a.room == 0 {
		a.silent++
		return 0, false
	}
	a.room--
	silent, a.silent = a.silent, 0
	return silent, true
}
