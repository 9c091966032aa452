package jobspec

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/runwith/runwith"
)

const (
	// maxViolations bounds a message: past it, faults are counted and not named.
	maxViolations = 20
	// maxQuoted bounds, in characters, what a message repeats of a caller's text.
	maxQuoted = 80
	// required is Cloud Run's wording.
	required = "required field not present"
)

// Violation is what is wrong with one field.
type Violation struct {
	Path string // as the message spells it; empty for the message itself
	Text string // completes "path: " and has no full stop
}

func (f Violation) String() string {
	if f.Path == "" {
		return f.Text
	}
	return f.Path + ": " + f.Text
}

// Violations collects what is wrong with one message, in the order in which it is
// found. The zero value has found nothing.
//
// Deviation: all are told at once, in our own words where Google's are not known.
type Violations struct{ found fieldsError }

// fieldsError is the cause of an error that names fields.
type fieldsError struct {
	named []Violation
	more  int // found after named was full
}

// Place is a field of the message that is being checked.
type Place struct {
	violations *Violations
	path       string // empty for the message itself
}

// Root is the place of the message itself.
func (f *Violations) Root() Place { return Place{violations: f} }

// Err returns an INVALID_ARGUMENT that names the faults, and nil when there is
// none. [ViolationsOf] finds them in it.
func (f *Violations) Err() error { return f.wrapped("", "") }

// wrapped is Err with a prefix before each fault and an end after the last.
func (f *Violations) wrapped(prefix, end string) error {
	if len(f.found.named) == 0 {
		return nil
	}
	return &runwith.Error{Code: runwith.InvalidArgument, Message: f.found.text(prefix) + end, Err: &f.found}
}

// Error names the faults.
func (e *fieldsError) Error() string { return e.text("") }

func (e *fieldsError) text(prefix string) string {
	parts := make([]string, len(e.named), len(e.named)+1)
	for i, fault := range e.named {
		parts[i] = prefix + fault.String()
	}
	if e.more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", e.more))
	}
	return strings.Join(parts, "; ")
}

// FieldErrorf returns an error about one field.
func FieldErrorf(code runwith.Code, path, format string, args ...any) *runwith.Error {
	cause := &fieldsError{named: []Violation{{path, fmt.Sprintf(format, args...)}}}
	return &runwith.Error{Code: code, Message: cause.Error(), Err: cause}
}

// ViolationsOf returns the faults that an error names, and nil where it names no field.
func ViolationsOf(err error) []Violation {
	if e, ok := errors.AsType[*fieldsError](err); ok {
		return e.named
	}
	return nil
}

// Respell returns err with the paths that it names spelled as spell does: for APIs
// in which the same fields have other names. An error that names no field stays as
// it is.
func Respell(err error, spell func(path string) string) error {
	e, ok := errors.AsType[*fieldsError](err)
	if !ok {
		return err
	}
	respelled := &fieldsError{named: slices.Clone(e.named), more: e.more}
	for i := range respelled.named {
		respelled.named[i].Path = spell(respelled.named[i].Path)
	}
	return &runwith.Error{Code: runwith.CodeOf(err), Message: respelled.Error(), Err: respelled}
}

// Addf says what is wrong at p. The text completes "path: " and has no full stop.
func (p Place) Addf(format string, args ...any) {
	found := &p.violations.found
	if len(found.named) == maxViolations {
		found.more++
		return
	}
	found.named = append(found.named, Violation{p.path, fmt.Sprintf(format, args...)})
}

// Field is the place of a field of the message at p.
func (p Place) Field(name string) Place {
	if p.path != "" {
		name = p.path + "." + name
	}
	return Place{p.violations, name}
}

// Index is the place of an element of the list at p.
func (p Place) Index(i int) Place {
	return Place{p.violations, p.path + "[" + strconv.Itoa(i) + "]"}
}

// Key is the place of an entry of the map at p.
func (p Place) Key(key string) Place {
	return Place{p.violations, p.path + "[" + Quote(key) + "]"}
}

// Quote makes a caller's text safe and short enough for a message.
func Quote(s string) string {
	n := 0
	for i := range s {
		if n == maxQuoted {
			return strconv.Quote(s[:i]) + "..."
		}
		n++
	}
	return strconv.Quote(s)
}
