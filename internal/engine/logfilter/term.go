package logfilter

import (
	"slices"
	"strings"
)

// segment is a part of a path: a quoted text, or an unquoted one with its dots.
type segment struct {
	text   string
	quoted bool
}

// term reads a comparison, a function or a text.
func (p *parser) term() (expr, error) {
	begin := p.pos
	if p.terms++; p.terms > maxTerms {
		return nil, p.faultAt(begin, "there are more than %d comparisons", maxTerms)
	}
	segments, err := p.segments()
	if err != nil {
		return nil, err
	}
	if p.at("(") && len(segments) == 1 && !segments[0].quoted {
		return p.function(segments[0].text, begin)
	}
	p.skip()
	operator := p.operator()
	if operator == "" {
		if len(segments) > 1 {
			return nil, p.fault("an operator, one of = != : =~ !~ < <= > >=")
		}
		return word{newLiteral(segments[0].text, segments[0].quoted)}, nil
	}
	path, ok := components(segments)
	if !ok {
		return nil, p.faultAt(begin, "expected a field, as in labels.\"a.b/c\", found %.60s", quote(p.text[begin:p.pos]))
	}
	f, ok := resolve(path)
	if !ok {
		return nil, p.faultAt(begin, "LogEntry has no field %.60q; a text to look for stands between quotes", strings.Join(path, "."))
	}
	return p.values(f, operator, begin)
}

// segments reads a possible field: adjacent texts with and without quotes.
func (p *parser) segments() (all []segment, err error) {
	for {
		run := p.run()
		switch {
		case len(all) == 0 && isKeyword(run):
			return nil, p.fault("a comparison")
		case run != "":
			p.pos += len(run)
			all = append(all, segment{text: run})
		case p.atQuote():
			text, err := p.quoted(false)
			if err != nil {
				return nil, err
			}
			all = append(all, segment{text, true})
		case len(all) == 0:
			return nil, p.fault("a comparison")
		default:
			return all, nil
		}
	}
}

// components returns the parts of a path, which dots separate.
func components(segments []segment) (path []string, ok bool) {
	divided := true // a part may come next
	for i, s := range segments {
		if s.quoted {
			if !divided {
				return nil, false
			}
			path, divided = append(path, s.text), false
			continue
		}
		parts := strings.Split(s.text, ".")
		if !divided { // the text begins with the dot
			if parts[0] != "" || len(parts) == 1 {
				return nil, false
			}
			parts = parts[1:]
		}
		if divided = i < len(segments)-1; divided { // the text ends with a dot
			if parts[len(parts)-1] != "" {
				return nil, false
			}
			parts = parts[:len(parts)-1]
		}
		path = append(path, parts...)
	}
	return path, !divided && !slices.Contains(path, "")
}

func (p *parser) operator() operator {
	for _, operator := range operators {
		if p.at(string(operator)) {
			p.pos += len(operator)
			return operator
		}
	}
	return ""
}

// values reads the value of a comparison, or several in parentheses, which are joined
// like comparisons.
func (p *parser) values(f *field, operator operator, begin int) (expr, error) {
	if err := p.checkOperator(f, operator, begin); err != nil {
		return nil, err
	}
	p.skip()
	if !p.at("(") {
		return p.value(f, operator)
	}
	p.terms-- // the values are counted instead
	return p.group(func() (expr, error) {
		if p.terms++; p.terms > maxTerms {
			return nil, p.faultAt(p.pos, "there are more than %d comparisons", maxTerms)
		}
		return p.value(f, operator)
	})
}
