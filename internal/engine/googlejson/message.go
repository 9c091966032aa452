package googlejson

import (
	"bytes"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/suggest"
)

// Unmarshal reads a body into an empty message.
func Unmarshal(raw []byte, into proto.Message) error {
	strict, err := Strict(raw)
	if err != nil {
		return err
	}
	violations := &jobspec.Violations{}
	r := NewReader(strict)
	if token := r.Next(); token != json.Delim('{') {
		violations.Root().Field("body").Addf("must be an object, not %s", Kind(token))
		return violations.Err()
	}
	r.fields(violations.Root(), into.ProtoReflect())
	return violations.Err()
}

// Reader reads the tokens of JSON that [Strict] returned.
type Reader struct {
	*json.Decoder
	text []byte
}

// NewReader returns a reader of one value.
func NewReader(strict []byte) *Reader {
	r := &Reader{json.NewDecoder(bytes.NewReader(strict)), strict}
	r.UseNumber()
	return r
}

// Next returns the next token, which exists because the JSON is valid.
func (r *Reader) Next() json.Token {
	token, _ := r.Token()
	return token
}

// Skip skips the rest of the value that begins with the token.
func (r *Reader) Skip(token json.Token) {
	if token != json.Delim('{') && token != json.Delim('[') {
		return
	}
	for depth := 1; depth > 0; {
		switch r.Next() {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}

// raw returns the value that begins with the token.
func (r *Reader) raw(token json.Token) json.RawMessage {
	if _, opens := token.(json.Delim); opens {
		start := r.InputOffset() - 1
		r.Skip(token)
		return r.text[start:r.InputOffset()]
	}
	text, _ := json.Marshal(token) // tokens can be encoded
	return text
}

// fields reads the rest of an object into a message.
func (r *Reader) fields(p jobspec.Place, m protoreflect.Message) {
	seen := map[protoreflect.FieldNumber]bool{}
	for r.More() {
		name := fmt.Sprint(r.Next())
		field := Field(m.Descriptor(), name)
		if field == nil {
			p.Field(Printable(name)).Addf("%s", unknown(m.Descriptor(), name))
			r.Skip(r.Next())
			continue
		}
		at := p.Field(name)
		if problem := conflict(m, field, seen[field.Number()]); problem != "" {
			at.Addf("%s", problem)
			r.Skip(r.Next())
			continue
		}
		seen[field.Number()] = true
		r.field(at, m, field)
	}
	r.Next() // the end
}

// unknown returns why a message has no field of that name.
func unknown(m protoreflect.MessageDescriptor, name string) string {
	if isNewer(m, name) {
		return whyNewer
	}
	return suggest.Unknown(name, string(m.Name()), Names(m))
}

// conflict returns why a field cannot be set once more, or beside another one.
func conflict(m protoreflect.Message, field protoreflect.FieldDescriptor, seen bool) string {
	if seen {
		return "occurs twice"
	}
	oneof := field.ContainingOneof()
	if oneof == nil || oneof.IsSynthetic() {
		return ""
	}
	if other := m.WhichOneof(oneof); other != nil {
		return "cannot be set together with " + other.JSONName()
	}
	return ""
}

// field reads the next value into a field of a message.
func (r *Reader) field(p jobspec.Place, m protoreflect.Message, field protoreflect.FieldDescriptor) {
	switch token := r.Next(); {
	case isNull(field, token):
	case field.IsMap():
		r.entries(p, m.Mutable(field).Map(), field, token)
	case field.IsList():
		r.elements(p, m.Mutable(field).List(), field, token)
	default:
		if value, ok := r.single(p, m.NewField(field), field, token); ok {
			m.Set(field, value)
		}
	}
}

// single reads the value that begins with the token. empty is an unset value of the field.
func (r *Reader) single(p jobspec.Place, empty protoreflect.Value, field protoreflect.FieldDescriptor, token json.Token) (protoreflect.Value, bool) {
	value, ok := empty, true
	switch {
	case token == json.Delim('{') && plainToo(field):
		r.fields(p, empty.Message())
		ok = valid(empty.Message().Interface())
	case custom(field):
		ok = Custom(r.raw(token), empty.Message().Interface())
	case field.Message() == nil:
		value, ok = scalar(field, token)
		r.Skip(token)
	case token == json.Delim('{'):
		r.fields(p, empty.Message())
	default:
		ok = false
		r.Skip(token)
	}
	if !ok {
		p.Addf("must be %s, not %s", wanted(field), shown(field, token))
	}
	return value, ok
}

// shown describes a value of the wrong kind. A word that is no value of an enum is shown,
// because it is no secret. A name can belong to a newer version of the API.
func shown(field protoreflect.FieldDescriptor, token json.Token) string {
	text, isText := token.(string)
	switch {
	case !isText || field.Enum() == nil:
	case enumName.MatchString(text):
		return jobspec.Quote(text) + ", which this server does not know if a newer version of Cloud Run's API has it"
	default:
		return jobspec.Quote(text)
	}
	return Kind(token)
}

// elements reads a list. One value is a list of one, and null is no element.
func (r *Reader) elements(p jobspec.Place, list protoreflect.List, field protoreflect.FieldDescriptor, token json.Token) {
	if token != json.Delim('[') {
		value, ok := r.single(p, list.NewElement(), field, token)
		if ok {
			list.Append(value)
		}
		return
	}
	for i := 0; r.More(); i++ {
		if token := r.Next(); !isNull(field, token) {
			if value, ok := r.single(p.Index(i), list.NewElement(), element{field}, token); ok {
				list.Append(value)
			}
		}
	}
	r.Next() // the end
}

// element is a list's field as one of its elements.
type element struct{ protoreflect.FieldDescriptor }

func (element) IsList() bool { return false }

// entries reads the entries of a map. An entry that is null is empty.
func (r *Reader) entries(p jobspec.Place, into protoreflect.Map, field protoreflect.FieldDescriptor, token json.Token) {
	if token != json.Delim('{') {
		p.Addf("must be %s, not %s", wanted(field), Kind(token))
		r.Skip(token)
		return
	}
	for r.More() {
		name := r.Next()
		at := p.Key(fmt.Sprint(name))
		key, ok := scalar(field.MapKey(), name)
		switch {
		case !ok:
			at.Addf("must have %s as its key", wanted(field.MapKey()))
			r.Skip(r.Next())
			continue
		case into.Has(key.MapKey()):
			at.Addf("occurs twice")
		}
		value := into.NewValue()
		if token := r.Next(); !isNull(field.MapValue(), token) {
			value, ok = r.single(at, value, field.MapValue(), token)
		}
		if ok {
			into.Set(key.MapKey(), value)
		}
	}
	r.Next() // the end
}
