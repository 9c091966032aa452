package apierror

import (
	"fmt"
	"runtime"
	"strings"
)

// maxFrames limits the stack of a [Panic].
const maxFrames = 32

// Panic is the error of a request whose handler panicked. Callers see an internal error;
// its text is for the log. It has no value that a request may have brought: of a value
// that the runtime did not make, it has the type alone.
type Panic struct {
	what  string
	stack []string
}

// Panicked returns the error for a value that a deferred function has recovered. It is
// called by that function.
func Panicked(value any) *Panic {
	p := &Panic{what: fmt.Sprintf("a value of type %T", value)}
	if err, ok := value.(runtime.Error); ok {
		p.what = err.Error()
	}
	var callers [maxFrames]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	for {
		frame, more := frames.Next()
		p.stack = append(p.stack, fmt.Sprintf("%s %s:%d", frame.Function, frame.File, frame.Line))
		if !more {
			return p
		}
	}
}

// Error describes the panic in one line.
func (p *Panic) Error() string { return "panic: " + p.what }

// Stack returns where it happened, the innermost function first.
func (p *Panic) Stack() string { return strings.Join(p.stack, "\n") }
