package googlejson

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Speller gives paths of fields the spelling that a caller used.
type Speller struct {
	body any // decoded; nil for none
	// Sent are further names that the caller sent, such as those of a query.
	Sent []string
}

// NewSpeller returns the speller for a body that [Unmarshal] accepted.
func NewSpeller(raw []byte) *Speller {
	s := &Speller{}
	if strict, err := Strict(raw); err == nil {
		_ = json.Unmarshal(strict, &s.body) // succeeds because the JSON is valid
	}
	return s
}

// step matches one step of a path: a field, an index or the key of a map.
var step = regexp.MustCompile(`\w+|\[\d+\]|\["(?:[^"\\]|\\.)*"\]`)

// Spell returns a path of the proto's names, such as template.task_count, in the spelling
// that the caller used. A field that was not sent has JSON's spelling, unless the caller
// used the proto's for one around it.
func (s *Speller) Spell(path string) string {
	var out strings.Builder
	at, protoNames := s.body, false
	for _, name := range step.FindAllString(path, -1) {
		if name[0] == '[' {
			at = inside(at, name)
			out.WriteString(name)
			continue
		}
		if out.Len() > 0 {
			out.WriteByte('.')
		}
		spelled := s.field(at, name, protoNames)
		protoNames = protoNames || spelled != Camel(spelled)
		at = member(at, spelled)
		out.WriteString(spelled)
	}
	return out.String()
}

// field returns the spelling of one name. protoNames chooses that of a name that was not
// sent.
func (s *Speller) field(at any, name string, protoNames bool) string {
	inJSON, inProto := Camel(name), Snake(name)
	object, _ := at.(map[string]any)
	_, sentInJSON := object[inJSON]
	_, sentInProto := object[inProto]
	sentInProto = sentInProto || slices.Contains(s.Sent, inProto)
	if sentInProto && !sentInJSON || protoNames && !sentInJSON {
		return inProto
	}
	return inJSON
}

func member(at any, name string) any {
	object, _ := at.(map[string]any)
	return object[name]
}

// inside returns an element of a list or an entry of a map. One value may stand for a
// list of one.
func inside(at any, key string) any {
	switch at := at.(type) {
	case []any:
		if i, err := strconv.Atoi(key[1 : len(key)-1]); err == nil && i < len(at) {
			return at[i]
		}
		return nil
	case map[string]any:
		if key == "[0]" {
			return at
		}
		name, _ := strconv.Unquote(key[1 : len(key)-1])
		return at[name]
	}
	return nil
}

// Camel converts my_field to myField, as names in JSON are made.
func Camel(name string) string {
	words := strings.Split(name, "_")
	for i := 1; i < len(words); i++ {
		if words[i] != "" {
			words[i] = strings.ToUpper(words[i][:1]) + words[i][1:]
		}
	}
	return strings.Join(words, "")
}

// Snake converts myField to my_field.
func Snake(camel string) string {
	var out strings.Builder
	for _, r := range camel {
		if 'A' <= r && r <= 'Z' {
			out.WriteByte('_')
			r += 'a' - 'A'
		}
		out.WriteRune(r)
	}
	return out.String()
}
