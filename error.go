package runwith

import (
	"context"
	"errors"
	"fmt"
)

// Error is the one error type of the project: what callers branch on, and what
// crosses every wire.
type Error struct {
	// Code is the canonical code; it survives gRPC, REST and problem+json.
	Code Code
	// Message may be shown to the caller. It names the field or the cause, and
	// the next step where there is one.
	Message string
	// Err is the cause. It is logged, and never leaves the process.
	Err error
}

// Errorf returns an Error with a formatted message and no cause.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error returns the message that may be shown.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code.String()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code that err carries: that of the first [Error] in its
// tree, [Canceled] or [DeadlineExceeded] for a context's end, [OK] for nil and
// [Unknown] for any other.
func CodeOf(err error) Code {
	if err == nil {
		return OK
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	switch {
	case errors.Is(err, context.Canceled):
		return Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return DeadlineExceeded
	}
	return Unknown
}
