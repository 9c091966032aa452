package runwith

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

func TestErrorHidesItsCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("password=secret")
	tests := []struct {
		err  *Error
		want string
	}{
		{Errorf(NotFound, "job %q does not exist", "nightly"), `job "nightly" does not exist`},
		{Errorf(InvalidArgument, "taskCount: must be at least %d", 1), "taskCount: must be at least 1"},
		{&Error{Code: Internal, Message: "the store is not readable", Err: cause}, "the store is not readable"},
		{&Error{Code: Unavailable, Err: cause}, "UNAVAILABLE"},
		{&Error{Code: Code(99)}, "CODE(99)"},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("%#v.Error() = %q, want %q", tt.err, got, tt.want)
		}
	}
}

func TestErrorUnwraps(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("open store: %w", &Error{Code: Internal, Message: "the store is not readable", Err: fs.ErrPermission})
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("errors.Is(%v, fs.ErrPermission) = false, want true", err)
	}
	if got := Errorf(NotFound, "cause: %v", fs.ErrNotExist).Unwrap(); got != nil {
		t.Errorf("Errorf(...).Unwrap() = %v, want nil", got)
	}
}

func TestCodeOf(t *testing.T) {
	t.Parallel()
	notFound := Errorf(NotFound, "no such job")
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(notFound)
	expired, stop := context.WithTimeout(t.Context(), 0)
	defer stop()

	tests := []struct {
		name string
		err  error
		want Code
	}{
		{"nil", nil, OK},
		{"an Error", notFound, NotFound},
		{"wrapped twice", fmt.Errorf("b: %w", fmt.Errorf("a: %w", notFound)), NotFound},
		{"outer of two", &Error{Code: FailedPrecondition, Err: notFound}, FailedPrecondition},
		{"among others", errors.Join(errors.New("x"), notFound), NotFound},
		{"an Error around a context's error", &Error{Code: Unavailable, Err: context.Canceled}, Unavailable},
		{"a cancelled context", fmt.Errorf("wait: %w", cancelled.Err()), Canceled},
		{"its cause", context.Cause(cancelled), NotFound},
		{"an expired context", fmt.Errorf("wait: %w", expired.Err()), DeadlineExceeded},
		{"any other error", errors.New("x"), Unknown},
	}
	for _, tt := range tests {
		if got := CodeOf(tt.err); got != tt.want {
			t.Errorf("%s: CodeOf(%v) = %v, want %v", tt.name, tt.err, got, tt.want)
		}
	}
	for code := range statuses {
		if got := CodeOf(fmt.Errorf("run job: %w", Errorf(code, "x"))); got != code {
			t.Errorf("CodeOf(an error with code %v) = %v", code, got)
		}
	}
}
