package runwith

import (
	"context"
	"errors"
	"fmt"
)

// Error is the project's only error type. It crosses gRPC, REST and problem+json.
type Error struct {
	// Code is the canonical code. Callers branch on it.
	Code Code
	// Message is for the caller. It names the field or the cause, and the next step
	// if there is one. If empty, Error returns the code's name.
	Message string
	// Err is the cause. It may be logged, but never leaves the process.
	Err error
}

// Errorf returns an Error with a formatted message and no cause.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error returns the message, without the cause.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code.String()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the first [Error] in err's tree. Without one, it returns
// [Canceled] or [DeadlineExceeded] for a context's error, [OK] for nil, and
// [Unknown] for any other error.
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
