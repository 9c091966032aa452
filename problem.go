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

// maxProblem limits how many bytes of an error's body are read.
const maxProblem = 1 << 20

// problem is the invoker's JSON form of an error.
// See https://www.rfc-editor.org/rfc/rfc9457.
type problem struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Errors []struct {
		Location string `json:"location"`
		Message  string `json:"message"`
	} `json:"errors"`
}

// err returns the problem as an Error, including the errors of single fields. For a
// code that this version does not know, it derives one from the status.
func (p problem) err(status int) *Error {
	code, ok := ParseCode(p.Code)
	if !ok || code == OK {
		code = codeOfStatus(status)
	}
	fields := make([]string, 0, len(p.Errors))
	for _, f := range p.Errors {
		fields = append(fields, strings.TrimPrefix(fieldOf(f.Location)+": "+f.Message, ": "))
	}
	message := p.Detail
	if faults := strings.Join(fields, "; "); !strings.Contains(message, faults) {
		message = strings.TrimPrefix(message+": "+faults, ": ")
	}
	return &Error{Code: code, Message: message}
}

// fieldOf returns the field of a location such as body.env.NAME. It drops the part of the
// request, which means nothing to callers of the client.
func fieldOf(location string) string {
	part, field, found := strings.Cut(location, ".")
	switch part {
	case "body", "query", "path", "header":
		if found {
			return field
		}
	}
	return location
}

// problemError returns the error in a response with a status other than 2xx.
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
	body := json.NewDecoder(io.LimitReader(response.Body, maxProblem))
	switch mediaType {
	case "application/problem+json":
		var p problem
		if body.Decode(&p) == nil {
			return p.err(status)
		}
	case "application/json":
		var e googleError
		if body.Decode(&e) == nil && e.Error.Status != "" {
			return Errorf(Unimplemented, "%s is an engine, not an invoker: start runwith up instead, or runwith serve --endpoint %[1]s", server)
		}
	}
	// The answer is from a proxy or from another program.
	advice := "is it a runwith invoker?"
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		advice = "something in front of it, such as Cloud Run's IAM check, may need another credential"
	}
	return Errorf(codeOfStatus(status), "%s answered %s without a reason: %s",
		server, strings.TrimSpace(fmt.Sprint(status, " ", http.StatusText(status))), advice)
}

// googleError is an error of Google's REST APIs, which is how an engine refuses the paths of an
// invoker. No invoker answers so. See https://cloud.google.com/apis/design/errors#http_mapping.
type googleError struct {
	Error struct {
		Status string `json:"status"`
	} `json:"error"`
}

// unsent returns the error for a request without an answer.
func unsent(ctx context.Context, r *http.Request, server string, err error) *Error {
	if ctx.Err() != nil {
		return contextError(ctx, err)
	}
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return &Error{
			Code: Unavailable,
			Message: fmt.Sprintf("cannot reach %s (%v): start an invoker with `runwith up`, or name another with --server",
				server, dial.Err),
			Err: err,
		}
	}
	return broken(r, err)
}

// broken returns the error for a missing or incomplete answer.
func broken(r *http.Request, err error) *Error {
	if r.Context().Err() != nil {
		return contextError(r.Context(), err)
	}
	cause := err
	if u, ok := errors.AsType[*url.Error](err); ok {
		cause = u.Err // the message contains the URL already
	}
	advice := "try again"
	if r.Header.Get("Idempotency-Key") != "" || strings.HasSuffix(r.URL.Path, batchSuffix) {
		advice = "the job may have started; repeat the request with the same key, which starts it only once"
	}
	return &Error{
		Code:    Unavailable,
		Message: fmt.Sprintf("%s gave no complete answer (%v): %s", r.URL.Host, cause, advice),
		Err:     err,
	}
}

// contextError returns the error for a call whose context has ended. Its tree
// contains the context's error and the cause, which may be nil.
func contextError(ctx context.Context, cause error) *Error {
	message := "the call was cancelled"
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		message = "the call timed out"
	}
	if cause != nil && !errors.Is(cause, ctx.Err()) {
		message += "; previous error: " + cause.Error()
	}
	return &Error{
		Code:    CodeOf(ctx.Err()),
		Message: message,
		Err:     errors.Join(ctx.Err(), cause),
	}
}
