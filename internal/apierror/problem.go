package apierror

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/runwith/runwith"
)

const (
	// ProblemType is the media type of a [Problem].
	ProblemType = "application/problem+json"
	// maxFaults limits the faults that a problem lists, to keep the answer in
	// proportion to the request.
	maxFaults = 100
	// defaultRetryAfter, in seconds, is for failures of unknown duration.
	defaultRetryAfter = 1
)

// Problem is an error in the format problem+json. Its type is about:blank, which is the
// default and left out. A Problem is an error too.
// See https://www.rfc-editor.org/rfc/rfc9457.
type Problem struct {
	Title  string  `json:"title" doc:"Name of the HTTP status."`
	Status int     `json:"status" doc:"HTTP status."`
	Code   string  `json:"code" doc:"Canonical code, such as NOT_FOUND."`
	Detail string  `json:"detail" doc:"What is wrong, and what to do about it."`
	Errors []Fault `json:"errors,omitempty" doc:"The request's faults, one for each field."`

	err *runwith.Error
}

// Fault is one invalid field of a request.
type Fault struct {
	Location string `json:"location" example:"body.taskCount" doc:"The field: body, query, path or header, and its name."`
	Message  string `json:"message" doc:"What is wrong with it."`
}

// ProblemOf returns err as a problem.
func ProblemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	e, status := Public(err), Status(err)
	title := cmp.Or(http.StatusText(status), "Client Closed Request") // 499 is nginx's
	return &Problem{Title: title, Status: status, Code: e.Code.String(), Detail: e.Error(), err: e}
}

// Invalid returns the problem of a request with invalid fields. It sorts the faults by
// location.
func Invalid(faults ...Fault) *Problem {
	slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(a.Location, b.Location) })
	detail := "the request is not valid"
	if n := len(faults); n > maxFaults {
		detail += fmt.Sprintf("; the first %d of %d faults are listed", maxFaults, n)
		faults = faults[:maxFaults]
	}
	p := ProblemOf(runwith.Errorf(runwith.InvalidArgument, "%s", detail))
	p.Errors = faults
	return p
}

// Error returns the detail.
func (p *Problem) Error() string { return p.Detail }

// Unwrap returns the error that the problem describes.
func (p *Problem) Unwrap() error { return p.err }

// GetStatus returns the HTTP status. It makes a Problem a StatusError of huma.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders returns Retry-After for statuses after which clients try again. It makes a
// Problem a HeadersError of huma.
func (p *Problem) GetHeaders() http.Header {
	switch p.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return http.Header{"Retry-After": {strconv.Itoa(cmp.Or(RetryAfter(p.err), defaultRetryAfter))}}
	}
	return nil
}

// ContentType returns the media type that huma writes a problem with.
func (p *Problem) ContentType(string) string { return ProblemType }

// WriteProblem writes err as problem+json.
func WriteProblem(w http.ResponseWriter, err error) {
	p := ProblemOf(err)
	maps.Copy(w.Header(), p.GetHeaders())
	w.Header().Set("Content-Type", ProblemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller may have left
}
