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
	// maxViolations limits an error message. Further violations are only counted.
	maxViolations = 20
	// maxQuoted limits how many characters of a caller's text a message repeats.
	maxQuoted = 80
	// required is Cloud Run's message for an unset required field.
	required = "required field not present"
)

// Violation describes one invalid field.
type Violation struct {
	Path string // in the message's spelling; empty for the message itself
	Text string // follows "path: " and has no full stop
}

func (f Violation) String() string {
	if f.Path == "" {
		return f.Text
	}
	return f.Path + ": " + f.Text
}

// Violations collects the violations of one message in the order of discovery. The
// zero value is empty and ready to use.
//
// Deviation: the error reports all violations at once, in our words if Google's are
// not known.
type Violations struct{ found fieldsError }

// fieldsError is the cause of an error that names fields.
type fieldsError struct {
	named []Violation
	more  int // violations after named was full
}

// Place is the path of a field in the message under validation.
type Place struct {
	violations *Violations
	path       string // empty for the message itself
}

// Root returns the place of the message itself.
func (f *Violations) Root() Place { return Place{violations: f} }

// Err returns an INVALID_ARGUMENT that names the violations, or nil if there are none.
// [ViolationsOf] extracts them.
func (f *Violations) Err() error { return f.wrapped("", "") }

// ErrAs is Err with another code, and with a cause besides if it is not nil.
func (f *Violations) ErrAs(code runwith.Code, cause error) error {
	if len(f.found.named) == 0 {
		return nil
	}
	e := &runwith.Error{Code: code, Message: f.found.text(""), Err: &f.found}
	if cause != nil {
		e.Err = fmt.Errorf("%w: %w", cause, e.Err)
	}
	return e
}

// wrapped is Err with a prefix before each violation and an end after the last.
func (f *Violations) wrapped(prefix, end string) error {
	if len(f.found.named) == 0 {
		return nil
	}
	return &runwith.Error{Code: runwith.InvalidArgument, Message: f.found.text(prefix) + end, Err: &f.found}
}

// Error lists the violations.
func (e *fieldsError) Error() string { return e.text("") }

func (e *fieldsError) text(prefix string) string {
	parts := make([]string, len(e.named), len(e.named)+1)
	for i, v := range e.named {
		parts[i] = prefix + v.String()
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

// ViolationsOf returns the violations in an error, or nil if it names no field.
func ViolationsOf(err error) []Violation {
	if e, ok := errors.AsType[*fieldsError](err); ok {
		return e.named
	}
	return nil
}

// Respell returns err with its paths replaced by spell, for APIs that use other names
// for the same fields. It returns an error without fields unchanged.
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

// Addf adds a violation at p. The text follows "path: " and has no full stop.
func (p Place) Addf(format string, args ...any) {
	found := &p.violations.found
	if len(found.named) == maxViolations {
		found.more++
		return
	}
	found.named = append(found.named, Violation{p.path, fmt.Sprintf(format, args...)})
}

// Field returns the place of a field of the message at p.
func (p Place) Field(name string) Place {
	if p.path != "" {
		name = p.path + "." + name
	}
	return Place{p.violations, name}
}

// Index returns the place of an element of the list at p.
func (p Place) Index(i int) Place {
	return Place{p.violations, p.path + "[" + strconv.Itoa(i) + "]"}
}

// Key returns the place of an entry of the map at p.
func (p Place) Key(key string) Place {
	return Place{p.violations, p.path + "[" + Quote(key) + "]"}
}

// Quote quotes a caller's text for a message and truncates it.
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
