package fault

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/runwith/runwith"
)

// Parse parses a rule of the form
//
//	[METHOD:] KIND[=DURATION] [, p=PROBABILITY] [, n=TIMES] [, after=COUNT]
//
// such as "RunJob: answer-lost, p=0.2" or "listed-late=5s". Errors are
// INVALID_ARGUMENT and contain the position, from 1, and the allowed values.
func Parse(text string) (Rule, error) {
	r, body := Rule{}, part{text: text}
	if method, rest, ok := strings.Cut(text, ":"); ok {
		named := part{text: method}.trim()
		if err := checkMethod(named); err != nil {
			return Rule{}, err
		}
		r.Method, body = named.text, part{rest, utf8.RuneCountInString(method) + 1}
	}
	parts := body.split(",")
	if err := r.setKind(parts[0]); err != nil {
		return Rule{}, err
	}
	seen := map[string]bool{}
	for _, option := range parts[1:] {
		name, _, _ := strings.Cut(option.text, "=")
		if name = strings.TrimSpace(name); seen[name] {
			return Rule{}, option.wrong("%s is set twice", name)
		}
		seen[name] = true
		if err := r.setOption(option); err != nil {
			return Rule{}, err
		}
	}
	return r, nil
}

// part is a part of a rule's text. after is the number of characters before it.
type part struct {
	text  string
	after int
}

func (p part) trim() part {
	kept := strings.TrimLeftFunc(p.text, unicode.IsSpace)
	spaces := utf8.RuneCountInString(p.text[:len(p.text)-len(kept)])
	return part{strings.TrimSpace(kept), p.after + spaces}
}

// split splits a part. The result has at least one element.
func (p part) split(separator string) (all []part) {
	for text := range strings.SplitSeq(p.text, separator) {
		all = append(all, part{text, p.after}.trim())
		p.after += utf8.RuneCountInString(text) + len(separator)
	}
	return all
}

// cut splits a part at the first =. ok is false if there is none.
func (p part) cut() (name string, value part, ok bool) {
	name, text, ok := strings.Cut(p.text, "=")
	return strings.TrimSpace(name), part{text, p.after + utf8.RuneCountInString(name) + 1}.trim(), ok
}

func (p part) wrong(format string, args ...any) error {
	return runwith.Errorf(runwith.InvalidArgument, "at %d: %s", p.after+1, fmt.Sprintf(format, args...))
}

func checkMethod(method part) error {
	if slices.Contains(Methods(), method.text) {
		return nil
	}
	if slices.Contains(methodsThat(true), method.text) {
		return method.wrong("%s is a stream, and faults do not apply to streams", method.text)
	}
	return method.wrong("%q is not a method: use one of %s, or none for all methods", method.text, strings.Join(Methods(), ", "))
}

func (r *Rule) setKind(given part) error {
	name, value, hasValue := given.cut()
	t, known := traitOf(Kind(name))
	switch {
	case !known:
		return given.wrong("%q is not a fault: use one of %s", name, kindNames())
	case r.Method != "" && !t.call:
		return given.wrong("%s applies to executions, not to calls: remove %s:", name, r.Method)
	case r.Method != "" && !t.kind.appliesTo(r.Method):
		return given.wrong("%s applies to %s, not to %s", name, strings.Join(settlingMethods(), ", "), r.Method)
	case hasValue && t.delay == noDelay:
		return value.wrong("%s takes no duration", name)
	case !hasValue && t.delay == mustDelay:
		return given.wrong("%s needs a duration, such as %s=5s", name, name)
	}
	r.Kind = t.kind
	if !hasValue {
		return nil
	}
	d, err := time.ParseDuration(value.text)
	if err != nil || d <= 0 {
		return value.wrong("%q is not a duration above 0, such as 500ms or 5s", value.text)
	}
	r.Delay = d
	return nil
}

func (r *Rule) setOption(given part) (err error) {
	name, value, ok := given.cut()
	switch {
	case ok && name == "p":
		r.P, err = value.probability()
	case ok && name == "n":
		r.N, err = value.count()
	case ok && name == "after":
		r.After, err = value.count()
	default:
		err = given.wrong("%q is not an option: use p=0.5, n=3 or after=2", given.text)
	}
	return err
}

func (p part) probability() (float64, error) {
	f, err := strconv.ParseFloat(p.text, 64)
	if err != nil || !(f > 0 && f <= 1) { // also refuses NaN
		return 0, p.wrong("%q is not a probability above 0 and up to 1", p.text)
	}
	return f, nil
}

func (p part) count() (int, error) {
	n, err := strconv.Atoi(p.text)
	if err != nil || n < 1 {
		return 0, p.wrong("%q is not a whole number from 1", p.text)
	}
	return n, nil
}

func kindNames() string {
	var names []string
	for _, t := range traits {
		name := string(t.kind)
		if t.delay == mustDelay {
			name += "=DURATION"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// String returns the rule in the form that [Parse] accepts.
func (r Rule) String() string {
	var b strings.Builder
	if r.Method != "" {
		b.WriteString(r.Method + ": ")
	}
	b.WriteString(string(r.Kind))
	if r.Delay != 0 {
		fmt.Fprintf(&b, "=%v", r.Delay)
	}
	if r.P != 0 && r.P != 1 {
		fmt.Fprintf(&b, ", p=%v", r.P)
	}
	if r.N != 0 {
		fmt.Fprintf(&b, ", n=%d", r.N)
	}
	if r.After != 0 {
		fmt.Fprintf(&b, ", after=%d", r.After)
	}
	return b.String()
}
