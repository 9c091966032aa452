package logfilter

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// checkOperator refuses operators without a meaning for a field.
func (p *parser) checkOperator(f *field, operator operator, begin int) error {
	if f.form == whole && operator != has && !f.never || operator.isRegexp() && f.form != text && f.form != dynamic && !f.never {
		return p.faultAt(begin, "%s cannot be compared with %s", f, operator)
	}
	return nil
}

// value reads one value and makes a comparison with it.
func (p *parser) value(f *field, operator operator) (expr, error) {
	begin := p.pos
	c := &comparison{field: f, operator: operator}
	switch run := p.run(); {
	case p.at("*") && operator == has:
		p.pos++
		c.operator = presence
		return c, nil
	case p.atQuote():
		text, err := p.quoted(operator.isRegexp())
		if err != nil {
			return nil, err
		}
		c.literal = newLiteral(text, true)
	case run != "" && !isKeyword(run):
		p.pos += len(run)
		if err := p.checkRun(run, begin); err != nil {
			return nil, err
		}
		c.literal = newLiteral(run, false)
	default:
		return nil, p.fault("a value")
	}
	return c, p.convert(c, begin)
}

// checkRun refuses a value without quotes that goes on with a special character, as in
// 10:30, and functions.
func (p *parser) checkRun(run string, begin int) error {
	switch {
	case p.at("("):
		return p.refuseFunction(run, begin)
	case !p.done() && strings.ContainsRune(special, p.next()) && !p.at(")"):
		return p.faultAt(begin, "a value with %c stands between quotes", p.next())
	}
	return nil
}

// convert converts a literal to the type of the field.
func (p *parser) convert(c *comparison, begin int) error {
	l, ok, what := &c.literal, true, ""
	switch {
	case c.field.never:
		return nil
	case c.operator.isRegexp():
		return p.compile(l, begin)
	case c.field.form == severity:
		l.exact, ok = parseSeverity(l.text)
		what = "severity, such as ERROR or 500"
	case c.field.form == moment:
		var t time.Time
		t, ok = parseTime(l.text)
		l.exact, what = clamp(t), "time in RFC 3339 or ISO 8601"
	case c.field.form == duration:
		l.exact, ok = parseDuration(l.text)
		what = "duration, such as 1.5s"
	case c.field.form == number:
		l.exact, ok = parseWhole(l.text, c.field.bits)
		what = fmt.Sprintf("whole number of %d bits", c.field.bits)
	case c.field.form == boolean:
		ok, what = l.isBool(), "true or false"
	}
	if !ok {
		return p.faultAt(begin, "%s: %.40q is no %s", c.field, l.text, what)
	}
	return nil
}

// compile makes a regular expression, in RE2's syntax.
// https://github.com/google/re2/wiki/Syntax
func (p *parser) compile(l *literal, begin int) error {
	parsed, err := syntax.Parse(l.text, syntax.Perl)
	if err != nil {
		return p.faultAt(begin, "%v", err)
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return p.faultAt(begin, "%v", err)
	}
	if p.program += len(program.Inst); p.program > maxProgram {
		return p.faultAt(begin, "the filter's regular expressions are too large")
	}
	if l.regexp, err = regexp.Compile(l.text); err != nil {
		return p.faultAt(begin, "%v", err)
	}
	return nil
}

// atQuote reports whether a quoted text comes next. The documentation names only double
// quotes. Cloud Logging accepts single quotes too, and people write them in a shell.
func (p *parser) atQuote() bool { return p.at(`"`) || p.at(`'`) }

// quoted reads a quoted text. In a regular expression only quotes and backslashes are
// unescaped, because the other escapes belong to the expression.
func (p *parser) quoted(isRegexp bool) (string, error) {
	begin, mark := p.pos, p.next()
	var out strings.Builder
	for p.pos++; !p.done(); {
		c := p.next()
		switch {
		case c == mark:
			p.pos++
			return out.String(), nil
		case p.at(`\"`) || p.at(`\'`) || p.at(`\\`):
			out.WriteByte(p.text[p.pos+1])
			p.pos += 2
		case c == '\\' && !isRegexp:
			if err := p.escape(&out); err != nil {
				return "", err
			}
		default:
			out.WriteRune(c)
			p.pos += utf8.RuneLen(c)
		}
	}
	return "", p.faultAt(begin, "expected the end of the text that begins here with a quote")
}

// escape reads an escape sequence of C or Go, such as \n or \u00e9.
func (p *parser) escape(out *strings.Builder) error {
	c, _, rest, err := strconv.UnquoteChar(p.text[p.pos:], 0)
	if err != nil || c > utf8.MaxRune {
		return p.faultAt(p.pos, "expected an escape, one of \\\" \\' \\\\ \\a \\b \\f \\n \\r \\t \\v \\ooo \\xhh \\uhhhh \\Uhhhhhhhh")
	}
	out.WriteRune(c)
	p.pos = len(p.text) - len(rest)
	return nil
}
