package jobspec

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/runwith/runwith"
)

const (
	// maxFaults bounds a message: past it, faults are counted and not named.
	maxFaults = 20
	// maxQuoted bounds, in characters, what a message repeats of a caller's text.
	maxQuoted = 80
	// required is Cloud Run's wording.
	required = "required field not present"
)

// faults collects what is wrong with one message, in the order in which it is
// found. The zero value has found nothing.
//
// Deviation: all are told at once, in our own words where Google's are not known.
type faults struct {
	named []string
	more  int // found after named was full
}

// place is a field of the message that is being checked.
type place struct {
	faults *faults
	path   string // empty for the message itself
}

// root is the place of the message itself.
func (f *faults) root() place { return place{faults: f} }

// err returns an INVALID_ARGUMENT that names the faults, and nil when there is
// none.
func (f *faults) err() error { return f.wrapped("", "") }

// wrapped is err with a prefix before each fault and an end after the last.
func (f *faults) wrapped(prefix, end string) error {
	if len(f.named) == 0 {
		return nil
	}
	named := prefix + strings.Join(f.named, "; "+prefix)
	if f.more > 0 {
		named += fmt.Sprintf("; and %d more", f.more)
	}
	return runwith.Errorf(runwith.InvalidArgument, "%s%s", named, end)
}

// addf says what is wrong at p. The text completes "path: " and has no full stop.
func (p place) addf(format string, args ...any) {
	if len(p.faults.named) == maxFaults {
		p.faults.more++
		return
	}
	text := fmt.Sprintf(format, args...)
	p.faults.named = append(p.faults.named, p.path+": "+text)
}

func (p place) field(name string) place {
	if p.path != "" {
		name = p.path + "." + name
	}
	return place{p.faults, name}
}

func (p place) index(i int) place {
	return place{p.faults, p.path + "[" + strconv.Itoa(i) + "]"}
}

func (p place) key(key string) place {
	return place{p.faults, p.path + "[" + quote(key) + "]"}
}

// quote makes a caller's text safe and short enough for a message.
func quote(s string) string {
	n := 0
	for i := range s {
		if n == maxQuoted {
			return strconv.Quote(s[:i]) + "..."
		}
		n++
	}
	return strconv.Quote(s)
}
