package googlejson

import (
	"encoding/json"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/runwith/runwith/internal/jobspec"
)

// Field returns the field of a message by its name in JSON's or the proto's spelling, or
// nil.
func Field(m protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if field := m.Fields().ByJSONName(name); field != nil {
		return field
	}
	return m.Fields().ByName(protoreflect.Name(name))
}

// Names returns the names in JSON of the fields that a caller can set.
func Names(m protoreflect.MessageDescriptor) (names []string) {
	for i := range m.Fields().Len() {
		field := m.Fields().Get(i)
		behavior, _ := proto.GetExtension(field.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
		if !slices.Contains(behavior, annotations.FieldBehavior_OUTPUT_ONLY) {
			names = append(names, field.JSONName())
		}
	}
	return names
}

// Printable returns a name in a form that is safe in a path.
func Printable(name string) string {
	if quoted := jobspec.Quote(name); quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

// scalar returns the value of a field in a token.
func scalar(field protoreflect.FieldDescriptor, token json.Token) (value protoreflect.Value, ok bool) {
	switch field.Kind() {
	case protoreflect.StringKind:
		text, ok := token.(string)
		return protoreflect.ValueOfString(text), ok
	case protoreflect.BoolKind:
		truth, ok := Bool(token)
		return protoreflect.ValueOfBool(truth), ok
	case protoreflect.BytesKind:
		raw, ok := Bytes(token)
		return protoreflect.ValueOfBytes(raw), ok
	case protoreflect.EnumKind:
		number, ok := enum(field.Enum(), token)
		return protoreflect.ValueOfEnum(number), ok
	}
	return number(field.Kind(), token)
}

func number(kind protoreflect.Kind, token json.Token) (value protoreflect.Value, ok bool) {
	switch kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		n, ok := Integer(token, 32)
		return protoreflect.ValueOfInt32(int32(n)), ok
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		n, ok := Integer(token, 64)
		return protoreflect.ValueOfInt64(n), ok
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		n, ok := Unsigned(token, 32)
		return protoreflect.ValueOfUint32(uint32(n)), ok
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		n, ok := Unsigned(token, 64)
		return protoreflect.ValueOfUint64(n), ok
	case protoreflect.FloatKind:
		f, ok := Float(token, 32)
		return protoreflect.ValueOfFloat32(float32(f)), ok
	case protoreflect.DoubleKind:
		f, ok := Float(token, 64)
		return protoreflect.ValueOfFloat64(f), ok
	}
	return value, false
}

// enum returns the value of an enum by name or number. A number may be one that this
// program does not know, because Google adds values.
func enum(values protoreflect.EnumDescriptor, token json.Token) (protoreflect.EnumNumber, bool) {
	n, isNumber := Integer(token, 32)
	name, isName := token.(string)
	if !isName {
		return protoreflect.EnumNumber(n), isNumber
	}
	if value := values.Values().ByName(protoreflect.Name(name)); value != nil {
		return value.Number(), true
	}
	if isNumber && values.Values().ByNumber(protoreflect.EnumNumber(n)) != nil {
		return protoreflect.EnumNumber(n), true
	}
	name = strings.ReplaceAll(strings.ToUpper(name), "-", "_")
	if value := values.Values().ByName(protoreflect.Name(name)); value != nil {
		return value.Number(), true
	}
	return 0, false
}

// wanted describes the values that a field takes.
func wanted(field protoreflect.FieldDescriptor) string {
	switch {
	case field.IsMap():
		return "an object"
	case field.IsList():
		return "a list of " + plural(field)
	case custom(field):
		return customWanted(field.Message())
	case field.Message() != nil:
		return "an object"
	case field.Enum() != nil:
		return "one of " + strings.Join(enumNames(field.Enum()), ", ")
	}
	switch field.Kind() {
	case protoreflect.StringKind:
		return "a string"
	case protoreflect.BoolKind:
		return "true or false"
	case protoreflect.BytesKind:
		return "bytes in base64"
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return "a whole number of 32 bits"
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return "a whole number of 64 bits"
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return "a whole number that is not negative"
	}
	return "a number"
}

func plural(field protoreflect.FieldDescriptor) string {
	switch field.Kind() {
	case protoreflect.StringKind:
		return "strings"
	case protoreflect.MessageKind:
		return "objects"
	case protoreflect.EnumKind:
		return strings.Join(enumNames(field.Enum()), ", ")
	}
	return "values"
}

func enumNames(values protoreflect.EnumDescriptor) (names []string) {
	for i := range values.Values().Len() {
		names = append(names, string(values.Values().Get(i).Name()))
	}
	return names
}
