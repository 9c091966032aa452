package runwith

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// maxProblem is how much of an error's body is read, in bytes.
const maxProblem = 1 << 20

// problem is an error as the invoker writes it.
// See https://www.rfc-editor.org/rfc/rfc9457.
type problem struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Errors []struct {
		Location string `json:"location"`
		Message  string `json:"message"`
	} `json:"errors"`
}

// err returns the problem as an Error, faults of single fields included. status
// stands in for a code that this version does not know.
func (p problem) err(status int) *Error {
	code, ok := ParseCode(p.Code)
	if !ok || code == OK {
		code = codeOfStatus(status)
	}
	faults := make([]string, 0, len(p.Errors))
	for _, f := range p.Errors {
		faults = append(faults, strings.TrimPrefix(f.Location+": "+f.Message, ": "))
	}
	message := p.Detail
	if len(faults) > 0 {
		message = strings.TrimPrefix(message+": "+strings.Join(faults, "; "), ": ")
	}
	return &Error{Code: code, Message: message}
}

// problemError returns what a response with an error's status says.
func problemError(response *http.Response, server string) *Error {
	e := answered(response, server)
	if cause := throttled(response.Header); cause != nil {
		e.Err = cause
	}
	return e
}

// answered reads the error in a response.
func answered(response *http.Response, server string) *Error {
	status := response.StatusCode
	mediaType, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if mediaType == "application/problem+json" {
		var p problem
		if json.NewDecoder(io.LimitReader(response.Body, maxProblem)).Decode(&p) == nil {
			return p.err(status)
		}
	}
	// A proxy's answer, or another program's.
	return Errorf(codeOfStatus(status), "%s answered %s, without saying why: is it a runwith invoker?",
		server, strings.TrimSpace(fmt.Sprint(status, " ", http.StatusText(status))))
}

// unsent returns why a request got no answer.
func unsent(ctx context.Context, r *http.Request, server string, err error) *Error {
	if ctx.Err() != nil {
		return contextError(ctx, err)
	}
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return &Error{
			Code: Unavailable,
			Message: fmt.Sprintf("no answer from %s (%v): start an invoker with `runwith up`, or name another with --server",
				server, dial.Err),
			Err: err,
		}
	}
	return broken(r, err)
}

// broken is the error for an answer that did not come, or not whole.
func broken(r *http.Request, err error) *Error {
	if r.Context().Err() != nil {
		return contextError(r.Context(), err)
	}
	cause := err
	if u, ok := errors.AsType[*url.Error](err); ok {
		cause = u.Err // the URL is in the message already
	}
	advice := "ask again"
	if r.Header.Get("Idempotency-Key") != "" {
		advice = "the job may have been started; a repeat with the same key starts it once"
	}
	return &Error{
		Code:    Unavailable,
		Message: fmt.Sprintf("%s gave no whole answer (%v): %s", r.URL.Host, cause, advice),
		Err:     err,
	}
}

// contextError is the error for the end of a call's context; its tree holds the
// context's error and the cause, which may be nil.
func contextError(ctx context.Context, cause error) *Error {
	message := "the call was cancelled"
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		message = "the call's time is over"
	}
	if cause != nil && !errors.Is(cause, ctx.Err()) {
		message += "; before that: " + cause.Error()
	}
	return &Error{
		Code:    CodeOf(ctx.Err()),
		Message: message,
		Err:     errors.Join(ctx.Err(), cause),
	}
}
