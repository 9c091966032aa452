// Package yamltokens corrects the tokens of the YAML library before they are parsed.
package yamltokens

import (
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"
)

// Rejoined returns tokens in which the plain texts of lists in brackets are whole. Within
// braces, the library cuts them at each colon: {audience: [http://127.0.0.1:8080]} would have
// a mapping in its list. In YAML a colon only ends a name if a space or a bracket follows.
//
// See https://yaml.org/spec/1.2.2/#733-plain-style.
func Rejoined(tokens token.Tokens) (whole token.Tokens) {
	var open []token.Type
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			open = append(open, t.Type)
		case token.MappingEndType, token.SequenceEndType:
			open = open[:max(0, len(open)-1)]
		}
		if inList := len(open) > 0 && open[len(open)-1] == token.SequenceStartType; inList && cut(tokens[i:]) {
			rest := tokens[i+2]
			t = token.String(t.Value+":"+rest.Value, t.Origin+":"+rest.Origin, t.Position)
			i += 2
		}
		t.Prev, t.Next = nil, nil
		whole.Add(t)
	}
	return whole
}

// cut reports whether tokens begin with a plain text, a colon and a plain text, with nothing
// between them.
func cut(tokens token.Tokens) bool {
	if len(tokens) < 3 || tokens[1].Type != token.MappingValueType {
		return false
	}
	before, colon, after := tokens[0], tokens[1].Position, tokens[2]
	return isPlain(before) && isPlain(after) &&
		before.Position.Line == colon.Line && before.Position.Column+utf8.RuneCountInString(before.Value) == colon.Column &&
		after.Position.Line == colon.Line && after.Position.Column == colon.Column+1
}

func isPlain(t *token.Token) bool {
	return t.CharacterType == token.CharacterTypeMiscellaneous && t.Indicator == token.NotIndicator
}
