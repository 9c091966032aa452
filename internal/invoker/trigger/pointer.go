package trigger

import (
	"strconv"
	"strings"
)

// pointer is a JSON Pointer, by its decoded tokens.
//
// It is written here because it is short. Libraries for it also change values and read Go's
// structs by reflection.
//
// See https://www.rfc-editor.org/rfc/rfc6901.
type pointer []string

// newPointer reads a pointer that the configuration has checked. It begins with a slash.
func newPointer(text string) pointer {
	tokens := strings.Split(strings.TrimPrefix(text, "/"), "/")
	for i, token := range tokens {
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
	}
	return tokens
}

// in returns what a value has at the pointer. null is nothing.
func (p pointer) in(value any) (any, bool) {
	for _, token := range p {
		switch of := value.(type) {
		case map[string]any:
			value = of[token]
		case []any:
			i, ok := index(token)
			if !ok || i >= len(of) {
				return nil, false
			}
			value = of[i]
		default:
			return nil, false
		}
	}
	return value, value != nil
}

// inside reports whether the pointer leads into a field, beyond its beginning.
func (p pointer) inside(field string) bool { return len(p) > 1 && p[0] == field }

// index reads an index of a list, which has no leading zeros.
func index(token string) (int, bool) {
	i, err := strconv.Atoi(token)
	return i, err == nil && i >= 0 && strconv.Itoa(i) == token
}
