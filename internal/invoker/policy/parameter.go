package policy

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/runwith/runwith/internal/invoker/configfile"
)

// maxText is the length of the longest text of a parameter without its own maxLength, in
// characters.
const maxText = 4096

// parameter is a compiled parameter.
type parameter struct {
	spec     configfile.Parameter
	pattern  *regexp.Regexp
	enum     []string // as text
	longest  int
	bounds   bounds
	fallback *string // the default as text
}

// compileParameter compiles a parameter, and notes its mistakes.
func compileParameter(check *configfile.Checker, at configfile.Path, spec configfile.Parameter) *parameter {
	p := &parameter{spec: spec, longest: maxText}
	c := parameterCompiler{check, at, p}
	c.keywords()
	if spec.MaxLength != nil {
		p.longest = *spec.MaxLength
	}
	if spec.Pattern != "" {
		p.pattern = regexp.MustCompile(spec.Pattern) // the reader has checked it
	}
	p.bounds = c.readBounds()
	c.checkBounds()
	if p.longest < spec.MinLength {
		check.Addf(at.Field("minLength"), "is larger than maxLength, so no text is valid")
	}
	if spec.Type != "" {
		c.checkChoices()
	}
	return p
}

// parameterCompiler notes the mistakes of one parameter.
type parameterCompiler struct {
	*configfile.Checker
	at configfile.Path
	*parameter
}

// keywords notes keywords that do not belong to the parameter's type, and would be ignored.
func (c parameterCompiler) keywords() {
	s := c.spec
	text := map[string]bool{"pattern": s.Pattern != "", "format": s.Format != "", "minLength": s.MinLength > 0, "maxLength": s.MaxLength != nil}
	number := map[string]bool{
		"minimum": s.Minimum != "", "maximum": s.Maximum != "", "exclusiveMinimum": s.ExclusiveMinimum != "",
		"exclusiveMaximum": s.ExclusiveMaximum != "", "multipleOf": s.MultipleOf != "",
	}
	for name, given := range text {
		if given && s.Type != "string" {
			c.Addf(c.at.Field(name), "applies to strings only, and this is a parameter of type %s", s.Type)
		}
	}
	for name, given := range number {
		if given && s.Type != "integer" && s.Type != "number" {
			c.Addf(c.at.Field(name), "applies to numbers only, and this is a parameter of type %s", s.Type)
		}
	}
	if s.Optional && s.Default != nil {
		c.Addf(c.at.Field("optional"), "has no effect beside default: leave out one of them")
	}
}

// readBounds reads the limits of numbers.
func (c parameterCompiler) readBounds() (b bounds) {
	b.least, b.most = rational(string(c.spec.Minimum)), rational(string(c.spec.Maximum))
	b.above, b.below = rational(string(c.spec.ExclusiveMinimum)), rational(string(c.spec.ExclusiveMaximum))
	b.step = rational(string(c.spec.MultipleOf))
	if b.step != nil && b.step.Sign() <= 0 {
		c.Addf(c.at.Field("multipleOf"), "must be larger than 0")
		b.step = nil
	}
	return b
}

// checkChoices checks enum and default against the rest of the schema.
func (c parameterCompiler) checkChoices() {
	if c.spec.Enum != nil && len(c.spec.Enum) == 0 {
		c.Addf(c.at.Field("enum"), "is empty, so no value is valid")
	}
	var enum []string
	for i, value := range c.spec.Enum {
		text, fault := c.text(value)
		switch {
		case fault != "":
			c.Addf(c.at.Field("enum").Index(i), "is not valid itself: it %s", fault)
		case slices.Contains(enum, text):
			c.Addf(c.at.Field("enum").Index(i), "occurs twice")
		}
		enum = append(enum, text)
	}
	c.enum = enum
	if c.spec.Default == nil {
		return
	}
	text, fault := c.text(c.spec.Default)
	if fault != "" {
		c.Addf(c.at.Field("default"), "is not valid itself: it %s", fault)
	}
	c.fallback = &text
}

// choices returns the values that the configuration names itself.
func (p *parameter) choices() []string {
	if p.fallback != nil {
		return append([]string{*p.fallback}, p.enum...)
	}
	return p.enum
}

// required reports whether a request must have the parameter.
func (p *parameter) required() bool { return p.fallback == nil && !p.spec.Optional }

// text returns a value of a request as text, or why it is not valid. The reason follows the
// parameter's name and does not repeat the value, which may be a secret.
func (p *parameter) text(value any) (text, fault string) {
	switch p.spec.Type {
	case "string":
		text, fault = p.string(value)
	case "boolean":
		text, fault = boolean(value)
	default:
		text, fault = p.number(value)
	}
	if fault == "" && p.enum != nil && !slices.Contains(p.enum, text) {
		fault = "must be one of " + strings.Join(p.enum, ", ")
	}
	return text, fault
}

func (p *parameter) string(value any) (text, fault string) {
	text, ok := value.(string)
	if !ok {
		return "", "must be a string"
	}
	length := utf8.RuneCountInString(text)
	switch {
	case !utf8.ValidString(text):
		return "", "must be UTF-8 text"
	case strings.ContainsFunc(text, unicode.IsControl):
		return "", "must not contain line breaks, NUL or other control characters"
	case length < p.spec.MinLength:
		return "", atLeast(p.spec.MinLength)
	case length > p.longest:
		return "", atMost(p.longest)
	case p.pattern != nil && !p.pattern.MatchString(text):
		return "", "must match the pattern " + p.spec.Pattern
	case p.spec.Format != "" && !formats()[p.spec.Format](text):
		return "", "must have the format " + p.spec.Format
	}
	return text, ""
}

func boolean(value any) (text, fault string) {
	switch value {
	case true:
		return "true", ""
	case false:
		return "false", ""
	}
	return "", "must be true or false"
}
