package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/jobspec"
)

// problem returns the problem that answers err, and logs what the answer leaves out.
func (s *server) problem(ctx context.Context, err error) *apierror.Problem {
	err = apierror.Ended(ctx, err)
	p := apierror.ProblemOf(err)
	hidden := err
	if e, ok := errors.AsType[*runwith.Error](err); ok {
		hidden = e.Err
	}
	s.log.Log(ctx, apierror.Level(p.Status), "request was refused or failed", "status", p.Status, "code", p.Code, "detail", p.Detail, "cause", hidden)
	return p
}

// keyHeader is the field of a request that is a header.
const keyHeader = "Idempotency-Key"

// faulty returns an error about fields with an entry for each field. in is where most of
// them are: body or query.
func faulty(in string, err error) error {
	violations := jobspec.ViolationsOf(err)
	code := runwith.CodeOf(err)
	if violations == nil || code != runwith.InvalidArgument && code != runwith.PermissionDenied {
		return err
	}
	faults := make([]apierror.Fault, len(violations))
	for i, v := range violations {
		faults[i] = apierror.Fault{Location: in + "." + v.Path, Message: v.Text}
		if v.Path == keyHeader {
			faults[i].Location = "header." + keyHeader
		}
	}
	if code == runwith.InvalidArgument && cause.KindOf(err) == "" {
		return apierror.Invalid(faults...)
	}
	p := apierror.ProblemOf(err)
	p.Errors = faults
	return p
}

// methodNotAllowed is the error of a request to a path that has other methods.
func methodNotAllowed(r *http.Request, allow string) error {
	return &runwith.Error{
		Code: runwith.Unimplemented, Err: cause.MethodNotAllowed,
		Message: r.URL.Path + " takes no " + r.Method + "; it takes " + allow,
	}
}

// translateError turns huma's error about a request into a problem. It is a transformer,
// because huma's other hook is a package variable, which two handlers in one process would
// share.
//
// It leaves out the value that huma adds to each error, which may be a secret.
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

// translated returns the problem for an error of huma. It is about parameters and fields,
// because readBody reads bodies before huma.
func translated(e *huma.ErrorModel) *apierror.Problem {
	if e.Status >= http.StatusInternalServerError {
		return apierror.ProblemOf(errors.New(e.Detail))
	}
	faults := make([]apierror.Fault, 0, len(e.Errors))
	for _, d := range e.Errors {
		if d.Message == validation.MsgUnexpectedProperty {
			continue // KnownNames has found it too, and says more
		}
		if d.Message == validation.MsgExpectedMatchAtLeastOneSchema { // only the values of parameters have several
			d.Message = "must be a string, a number or a boolean"
		}
		if d.Message == validation.MsgExpectedRFC3339DateTime || strings.HasPrefix(d.Message, "invalid date/time for format ") {
			d.Message = mustBeTime // huma shows Go's layout, or no example
		}
		faults = append(faults, apierror.Fault{Location: d.Location, Message: withoutValue(d.Message)})
	}
	return invalid(faults)
}

// mustBeTime is the message about a text that is no time.
const mustBeTime = "must be a time in RFC 3339, such as 2026-12-01T02:00:00Z"

// withoutValue returns huma's message about a format without the parser's error behind it,
// which repeats the value.
func withoutValue(message string) string {
	for _, format := range []string{
		validation.MsgExpectedRFC3986URI, validation.MsgExpectedRFC5322Email, validation.MsgExpectedRFC4122UUID,
		validation.MsgExpectedRegexp, validation.MsgExpectedDuration,
	} {
		if kind, ok := strings.CutSuffix(format, ": %v"); ok && strings.HasPrefix(message, kind+": ") {
			return kind
		}
	}
	return message
}

// invalid returns the problem of a request with invalid fields. If they are values of
// parameters alone, it has the status of those that the policy refuses.
func invalid(faults []apierror.Fault) *apierror.Problem {
	p := apierror.Invalid(faults...)
	other := func(f apierror.Fault) bool { return !strings.HasPrefix(f.Location, "body.parameters.") }
	if len(faults) == 0 || slices.ContainsFunc(faults, other) {
		return p
	}
	parameters := apierror.ProblemOf(&runwith.Error{Code: runwith.InvalidArgument, Err: cause.Parameters, Message: p.Detail})
	parameters.Errors = p.Errors
	return parameters
}

// statusContext lets translateError choose the status. huma answers invalid requests with
// 422; here they are INVALID_ARGUMENT, which is 400.
type statusContext struct {
	humaContext
	status int // 0 keeps huma's status

	unknownNames []error // of fields in the body, for KnownNames
}

// humaContext gives the embedded field another name: Context would hide the method.
type humaContext huma.Context

func withStatus(ctx huma.Context, next func(huma.Context)) { next(&statusContext{humaContext: ctx}) }

// SetStatus sets the status. huma calls it after the transformers.
func (c *statusContext) SetStatus(status int) { c.humaContext.SetStatus(cmp.Or(c.status, status)) }

// Unwrap lets humago find the request and the response's writer.
func (c *statusContext) Unwrap() huma.Context { return c.humaContext }
