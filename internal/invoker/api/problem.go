package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/guard"
)

const (
	// problemType is the media type of an error.
	problemType = "application/problem+json"
	// maxFaults is the most faults that a problem lists, which keeps the answer in
	// proportion to the request.
	maxFaults = 100
	// retryAfter is in seconds, where nobody knows how long it lasts.
	retryAfter = 1
)

// problem is an error on the wire. Its type is about:blank, which need not be
// written. See https://www.rfc-editor.org/rfc/rfc9457.
type problem struct {
	Title  string  `json:"title" doc:"Name of the HTTP status."`
	Status int     `json:"status" doc:"HTTP status."`
	Code   string  `json:"code" doc:"Canonical code, such as NOT_FOUND."`
	Detail string  `json:"detail" doc:"What is wrong, and what to do about it."`
	Errors []fault `json:"errors,omitempty" doc:"The request's faults, one for each field."`

	retryAfter int // seconds; 0: nobody knows
}

// fault is what is wrong with one field of a request.
type fault struct {
	Location string `json:"location" example:"body.taskCount" doc:"The field: body, query, path or header, and its name."`
	Message  string `json:"message" doc:"What is wrong with it."`
}

// newProblem returns the problem of a status and code.
func newProblem(status int, code runwith.Code, detail string, faults ...fault) *problem {
	title := cmp.Or(http.StatusText(status), "Client Closed Request") // 499 is nginx's
	return &problem{Title: title, Status: status, Code: code.String(), Detail: detail, Errors: faults}
}

// Error returns the detail.
func (p *problem) Error() string { return p.Detail }

// GetStatus makes a problem huma's StatusError, which it writes as it is.
func (p *problem) GetStatus() int { return p.Status }

// GetHeaders makes a problem huma's HeadersError: who is told to ask again is told
// when. See https://www.rfc-editor.org/rfc/rfc9110#field.retry-after.
func (p *problem) GetHeaders() http.Header {
	switch p.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return http.Header{"Retry-After": {strconv.Itoa(cmp.Or(p.retryAfter, retryAfter))}}
	}
	return nil
}

// ContentType is what huma writes a problem as.
func (p *problem) ContentType(string) string { return problemType }

// WriteProblem writes err as problem+json, with the status that [guard.Status]
// tells. It shows the message of a [*runwith.Error] and nothing of any other
// error, and logs neither.
func WriteProblem(w http.ResponseWriter, err error) { writeProblem(w, problemOf(err)) }

func writeProblem(w http.ResponseWriter, p *problem) {
	maps.Copy(w.Header(), p.GetHeaders())
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // a client that does not read its problem is no error of ours
}

// problemOf translates an error: the one table of what leaves the process.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if e, ok := errors.AsType[*runwith.Error](err); ok {
		p := newProblem(guard.Status(err), e.Code, e.Error())
		p.retryAfter = guard.RetryAfter(err)
		return p
	}
	switch code := runwith.CodeOf(err); code {
	case runwith.Canceled:
		return newProblem(code.HTTPStatus(), code, "the request was cancelled")
	case runwith.DeadlineExceeded:
		return newProblem(code.HTTPStatus(), code, "the request took too long; send it again")
	}
	return newProblem(http.StatusInternalServerError, runwith.Internal, "internal error")
}

// problem translates an error and logs what the answer leaves out.
func (s *server) problem(ctx context.Context, err error) *problem {
	err = guard.Ended(ctx, err)
	p := problemOf(err)
	cause := err
	if e, ok := errors.AsType[*runwith.Error](err); ok {
		cause = e.Err
	}
	switch {
	case p.Status == http.StatusServiceUnavailable:
		s.log.WarnContext(ctx, "request refused for now", "code", p.Code, "detail", p.Detail, "cause", cause)
	case p.Status >= http.StatusInternalServerError:
		s.log.ErrorContext(ctx, "request failed", "code", p.Code, "detail", p.Detail, "cause", cause)
	case s.log.Enabled(ctx, slog.LevelDebug):
		s.log.DebugContext(ctx, "request refused", "code", p.Code, "detail", p.Detail, "cause", cause)
	}
	return p
}

// methodNotAllowed is the problem of a path that has other methods.
func methodNotAllowed(r *http.Request, allow string) *problem {
	return newProblem(http.StatusMethodNotAllowed, runwith.Unimplemented,
		fmt.Sprintf("%s takes no %s; it takes %s", r.URL.Path, r.Method, allow))
}

// invalid is the problem of a request with faults, sorted by location.
func invalid(faults ...fault) *problem {
	slices.SortStableFunc(faults, func(a, b fault) int { return cmp.Compare(a.Location, b.Location) })
	detail := "the request is not valid"
	if n := len(faults); n > maxFaults {
		detail += fmt.Sprintf("; the first %d of %d faults are listed", maxFaults, n)
		faults = faults[:maxFaults]
	}
	return newProblem(http.StatusBadRequest, runwith.InvalidArgument, detail, faults...)
}

// translateError turns what huma says about a request into a problem. huma's
// other hook is a package variable, which two handlers in one process would
// share; a transformer belongs to this one alone.
//
// The value that huma adds to each error is left out: it may be a secret.
func translateError(ctx huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := translated(e)
	if c, ok := ctx.(*statusContext); ok {
		c.status = p.Status
	}
	return p, nil
}

// translated is the problem for an error of huma's, which has no more to tell
// than what is wrong with parameters and fields: bodies are read before it.
func translated(e *huma.ErrorModel) *problem {
	if e.Status >= http.StatusInternalServerError {
		return newProblem(e.Status, runwith.Internal, "internal error")
	}
	faults := make([]fault, 0, len(e.Errors))
	for _, d := range e.Errors {
		faults = append(faults, fault{Location: d.Location, Message: d.Message})
	}
	return invalid(faults...)
}

// statusContext lets translateError choose the status: huma answers 422 to what
// is INVALID_ARGUMENT here, and so 400.
type statusContext struct {
	humaContext
	status int // 0: as huma chose
}

// humaContext is there because a field named Context would hide the method.
type humaContext huma.Context

func withStatus(ctx huma.Context, next func(huma.Context)) { next(&statusContext{humaContext: ctx}) }

// SetStatus is called after the transformers have run.
func (c *statusContext) SetStatus(status int) { c.humaContext.SetStatus(cmp.Or(c.status, status)) }

// Unwrap lets humago find the request and the response's writer.
func (c *statusContext) Unwrap() huma.Context { return c.humaContext }
