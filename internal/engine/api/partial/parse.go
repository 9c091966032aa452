package partial

import (
	"fmt"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// Parse reads a mask. A blank one selects everything.
func Parse(text string) (*Mask, error) {
	p := &parser{rest: text}
	if p.space(); p.rest == "" {
		return nil, nil
	}
	m := p.mask(0)
	if p.problem == "" && p.rest != "" {
		p.fail("expected a comma or the end")
	}
	if p.problem != "" {
		return nil, runwith.Errorf(runwith.InvalidArgument, "%s, at character %d of %s",
			p.problem, len([]rune(text[:len(text)-len(p.rest)]))+1, jobspec.Quote(text))
	}
	return m, nil
}

// parser reads a mask from left to right.
type parser struct {
	rest    string
	problem string // the first; empty for none
}

func (p *parser) fail(format string, args ...any) {
	if p.problem == "" {
		p.problem = fmt.Sprintf(format, args...)
	}
}

func (p *parser) space() { p.rest = strings.TrimLeft(p.rest, " \t") }

// take consumes a character, with the white space around it, if it is next.
func (p *parser) take(c string) bool {
	p.space()
	rest, ok := strings.CutPrefix(p.rest, c)
	if ok && p.problem == "" {
		p.rest = rest
		p.space()
	}
	return ok && p.problem == ""
}

// mask reads paths that are separated by commas.
func (p *parser) mask(depth int) *Mask {
	m := &Mask{}
	for {
		name, below := p.path(depth)
		if m.add(name, below); p.problem != "" || !p.take(",") {
			return m
		}
	}
}

// path reads a path, and returns its first name and the mask of its other names.
func (p *parser) path(depth int) (name string, below *Mask) {
	if depth == maxDepth {
		p.fail("leads more than %d fields deep", maxDepth)
		return "", nil
	}
	name, below = p.name(), &Mask{}
	switch {
	case p.take("/"), p.take("."):
		next, deeper := p.path(depth + 1)
		below.add(next, deeper)
	case p.take("("):
		if below = p.mask(depth + 1); !p.take(")") {
			p.fail("expected a comma or a closing parenthesis")
		}
	}
	return name, below
}

// name reads one name.
func (p *parser) name() string {
	p.space()
	for _, quote := range []string{"`", `"`} {
		if quoted, ok := strings.CutPrefix(p.rest, quote); ok {
			name, rest, closed := strings.Cut(quoted, quote)
			if !closed || name == "" {
				p.fail("expected a name in quotes")
				return ""
			}
			p.rest = rest
			return name
		}
	}
	end := strings.IndexAny(p.rest, ",()/. \t`\"")
	if end < 0 {
		end = len(p.rest)
	}
	name := p.rest[:end]
	if name == "" {
		p.fail("expected the name of a field")
		return ""
	}
	p.rest = p.rest[end:]
	return name
}
