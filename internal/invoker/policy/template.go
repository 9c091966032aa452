package policy

import (
	"fmt"
	"strings"
)

// template is text with places for parameters.
type template []part

// part is literal text, or the place of a parameter.
type part struct {
	literal   string
	parameter string // empty: the literal
}

// parseTemplate reads text in which {NAME} is the place of a parameter, and {{ and }} are
// braces.
func parseTemplate(text string) (t template, err error) {
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			t = append(t, part{literal: literal.String()})
			literal.Reset()
		}
	}
	for text != "" {
		switch {
		case strings.HasPrefix(text, "{{"), strings.HasPrefix(text, "}}"):
			literal.WriteByte(text[0])
			text = text[2:]
		case text[0] == '}':
			return nil, fmt.Errorf("has a } without its {: write }} for a brace")
		case text[0] == '{':
			name, rest, closed := strings.Cut(text[1:], "}")
			if !closed || name == "" || strings.Contains(name, "{") {
				return nil, fmt.Errorf("has a { without {NAME}: write {{ for a brace")
			}
			flush()
			t = append(t, part{parameter: name})
			text = rest
		default:
			literal.WriteByte(text[0])
			text = text[1:]
		}
	}
	flush()
	return t, nil
}

// fill returns the text with the values of parameters. It is false if one has none.
func (t template) fill(values map[string]string) (string, bool) {
	var text strings.Builder
	for _, p := range t {
		value, given := p.literal, true
		if p.parameter != "" {
			value, given = values[p.parameter]
		}
		if !given {
			return "", false
		}
		text.WriteString(value)
	}
	return text.String(), true
}

// first returns the parameter with which the text begins, given the values: that of a
// template that begins with a place. It is empty if a literal comes first.
func (t template) first(values map[string]string) string {
	for _, p := range t {
		if p.parameter == "" {
			return ""
		}
		if values[p.parameter] != "" {
			return p.parameter
		}
	}
	return ""
}
