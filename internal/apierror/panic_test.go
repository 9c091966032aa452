package apierror_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
)

func panicked(f func()) (p *apierror.Panic) {
	defer func() { p = apierror.Panicked(recover()) }()
	f()
	return nil
}

func TestPanic(t *testing.T) {
	t.Parallel()
	var empty []int
	p := panicked(func() { empty[3]++ })
	if got := p.Error(); got != "panic: runtime error: index out of range [3] with length 0" {
		t.Errorf("error = %q, want the runtime's", got)
	}
	if !strings.Contains(p.Stack(), "panic_test.go:") {
		t.Errorf("stack = %s, want this file in it", p.Stack())
	}
	if public := apierror.Public(p); public.Code != runwith.Internal || strings.Contains(public.Error(), "index") {
		t.Errorf("callers see %v, want an internal error without the cause", public)
	}
}

// A value may hold a part of a request.
func TestPanicHidesItsValue(t *testing.T) {
	t.Parallel()
	for value, want := range map[any]string{
		"token secret":                       "panic: a value of type string",
		fmt.Errorf("env TOKEN=%s", "secret"): "panic: a value of type *errors.errorString",
	} {
		p := panicked(func() { panic(value) })
		if got := p.Error(); !strings.HasPrefix(got, "panic: a value of type ") || strings.Contains(got+p.Stack(), "secret") {
			t.Errorf("error = %q, want %q", got, want)
		}
	}
}
