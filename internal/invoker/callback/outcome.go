package callback

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// outcome is the result of an attempt.
type outcome struct {
	status     int    // 0: no answer
	reason     string // why it failed; empty: it did not
	retryAfter time.Duration
	// interrupted means that the server closes. The attempt does not count.
	interrupted bool
	// postponed means that another process may know where to send the event to. It is also
	// interrupted.
	postponed bool
	// removed means that there is nowhere to send the event to. No attempt was made.
	removed bool
}

func (o outcome) ok() bool   { return o.reason == "" }
func (o outcome) gone() bool { return o.status == http.StatusGone }

// throttled reports whether the endpoint asks for fewer requests.
func (o outcome) throttled() bool {
	switch o.status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusGatewayTimeout:
		return true
	}
	return o.status == http.StatusServiceUnavailable && o.retryAfter > 0
}

// answered returns the outcome of an answer. Only 2xx is success. It ignores the body,
// so that nobody can read an internal service through it.
func answered(r *http.Response, now time.Time) outcome {
	o := outcome{status: r.StatusCode}
	switch {
	case r.StatusCode/100 == 2:
		return o
	case r.StatusCode/100 == 3:
		o.reason = fmt.Sprintf("answered %s, and redirects are not followed", statusText(r.StatusCode))
	default:
		o.reason = "answered " + statusText(r.StatusCode)
	}
	o.retryAfter = retryAfterOf(r.Header, now)
	return o
}

func statusText(status int) string {
	return strings.TrimSpace(fmt.Sprint(status, " ", http.StatusText(status)))
}

// unanswered returns the outcome of a request without an answer. The reason has no URL,
// which may contain a secret, and no part of a malformed answer.
func unanswered(ctx context.Context, err error, timeout time.Duration) outcome {
	if ctx.Err() != nil {
		return outcome{reason: "interrupted", interrupted: true}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return outcome{reason: fmt.Sprintf("no answer within %v", timeout)}
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if !quotesNothing(err) {
		return outcome{reason: "the answer is not HTTP: it is malformed, cut off, or has too large a header"}
	}
	return outcome{reason: clean(err.Error())}
}

// quotesNothing reports whether the text of an error has no part of an answer. net/http quotes
// malformed answers in errors of many types, so only the errors of a connection are listed:
// resolving, dialling, refused addresses, TLS, timeouts and lost connections.
func quotesNothing(err error) bool {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, http.ErrSchemeMismatch) {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	return strings.HasPrefix(err.Error(), "tls: ") // of crypto/tls, most of whose errors have no type
}

// clean returns a text in one line and bounded, because receivers influence errors.
func clean(text string) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	for len(text) > ledger.MaxDeliveryError {
		text = strings.ToValidUTF8(text[:ledger.MaxDeliveryError], "")
	}
	return text
}

// after returns a delivery after an attempt that ended now.
func (o outcome) after(d ledger.Delivery, now time.Time) ledger.Delivery {
	if o.postponed {
		d.NextAttempt = now.Add(postponed)
	}
	if o.interrupted {
		return d // with its lease ended, it is due again: at once, unless it was postponed
	}
	d.LastStatus, d.LastError = o.status, o.reason
	if o.removed {
		d.State, d.Ended = ledger.DeliveryFailed, now
		return d
	}
	d.Attempts++
	if o.ok() {
		d.State, d.Ended = ledger.DeliveryDelivered, now
		return d
	}
	next, again := retryAt(d.Attempts, now, o.retryAfter)
	if !again || o.gone() {
		d.State, d.Ended = ledger.DeliveryFailed, now
		return d
	}
	d.NextAttempt = next
	return d
}
