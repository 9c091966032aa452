package partial

import (
	"encoding/json"
	"reflect"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/googlejson"
	"github.com/runwith/runwith/internal/suggest"
)

// Shape is what a value can have: the fields of a message or of a Go struct, any keys, or
// nothing.
type Shape interface {
	// name is the type's, for errors.
	name() string
	// fields returns the names in JSON of all fields; nil if names are free.
	fields() []string
	// field returns the name in JSON and the shape of the field with a name in either
	// spelling.
	field(name string) (inJSON string, below Shape, ok bool)
}

// For returns the mask for values of a shape, with names as in JSON, or the error that
// names what the shape does not have.
func (m *Mask) For(s Shape) (*Mask, error) { return m.resolve(s, "") }

func (m *Mask) resolve(s Shape, above string) (*Mask, error) {
	if m.all() {
		return m, nil
	}
	resolved := &Mask{}
	for name, below := range m.fields {
		err := resolved.resolveField(s, above, name, below)
		if err != nil {
			return nil, err
		}
	}
	if names := s.fields(); len(names) > 0 && names[0] == typeName {
		resolved.add(typeName, nil) // the other fields are meaningless without it
	}
	return resolved, nil
}

func (m *Mask) resolveField(s Shape, above, name string, below *Mask) error {
	if name == star && s.fields() != nil {
		return m.resolveStar(s, above, below)
	}
	inJSON, deeper, ok := s.field(name)
	if !ok {
		return runwith.Errorf(runwith.InvalidArgument, "%s: %s", googlejson.Printable(above+name), suggest.Unknown(name, s.name(), s.fields()))
	}
	kept, err := below.resolve(deeper, above+name+".")
	if err != nil {
		return err
	}
	m.add(inJSON, kept)
	return nil
}

// resolveStar adds every field that has the fields below the star. It skips maps, because
// their keys are unknown.
func (m *Mask) resolveStar(s Shape, above string, below *Mask) error {
	var failed error
	for _, name := range s.fields() {
		inJSON, deeper, _ := s.field(name)
		if _, isMap := deeper.(free); isMap && !below.all() {
			continue
		}
		kept, err := below.resolve(deeper, above+star+".")
		if err != nil {
			failed = err
			continue
		}
		m.add(inJSON, kept)
	}
	if len(m.fields) > 0 {
		return nil
	}
	return failed
}

// typeName is the field of an Any that names its type.
const typeName = "@type"

// message is the shape of a message. payloads are the messages that its Anys may have.
type message struct {
	protoreflect.MessageDescriptor
	payloads []protoreflect.MessageDescriptor
}

// Message returns the shape of a message whose fields of the type Any have one of the
// payloads.
func Message(m protoreflect.MessageDescriptor, payloads ...protoreflect.MessageDescriptor) Shape {
	return message{m, payloads}
}

func (m message) name() string { return string(m.Name()) }

func (m message) fields() []string {
	names := []string{}
	for i := range m.Fields().Len() {
		names = append(names, m.Fields().Get(i).JSONName())
	}
	return names
}

func (m message) field(name string) (string, Shape, bool) {
	field := googlejson.Field(m.MessageDescriptor, name)
	if field == nil {
		return "", nil, false
	}
	return field.JSONName(), m.below(field), true
}

func (m message) below(field protoreflect.FieldDescriptor) Shape {
	if field.IsMap() {
		return free{m.below(field.MapValue())}
	}
	switch below := field.Message(); {
	case below == nil:
		return leaf{}
	case below.FullName() == "google.protobuf.Any":
		return payload{m}
	case below.FullName() == "google.protobuf.Struct", below.FullName() == "google.protobuf.Value", below.FullName() == "google.protobuf.ListValue":
		return free{}
	case below.ParentFile().Package() == "google.protobuf":
		return leaf{}
	default:
		return message{below, m.payloads}
	}
}

// payload is the shape of an Any, which is one of several messages.
type payload struct{ of message }

func (payload) name() string { return "Any" }

func (p payload) fields() []string {
	names, seen := []string{typeName}, map[string]bool{}
	for _, m := range p.of.payloads {
		for _, name := range (message{m, nil}).fields() {
			if !seen[name] {
				names = append(names, name)
			}
			seen[name] = true
		}
	}
	return names
}

func (p payload) field(name string) (string, Shape, bool) {
	if name == typeName {
		return name, leaf{}, true
	}
	for _, m := range p.of.payloads {
		if inJSON, below, ok := (message{m, p.of.payloads}).field(name); ok {
			return inJSON, below, true
		}
	}
	return "", nil, false
}

// leaf is the shape of a value without fields.
type leaf struct{}

func (leaf) name() string                       { return "a value without fields" }
func (leaf) fields() []string                   { return []string{} }
func (leaf) field(string) (string, Shape, bool) { return "", nil, false }

// free is the shape of a map. The zero value is any value.
type free struct{ below Shape }

func (free) name() string     { return "a map" }
func (free) fields() []string { return nil }

func (f free) field(name string) (string, Shape, bool) {
	if f.below == nil {
		return name, f, true
	}
	return name, f.below, true
}

// structure is the shape of a Go struct that is encoded as JSON.
type structure struct{ of reflect.Type }

// Struct returns the shape of a Go value that is encoded as JSON.
func Struct(value any) Shape { return shapeOf(reflect.TypeOf(value)) }

func shapeOf(t reflect.Type) Shape {
	switch {
	case t == reflect.TypeFor[json.RawMessage]():
		return free{}
	case t.Kind() == reflect.Pointer, t.Kind() == reflect.Slice:
		return shapeOf(t.Elem())
	case t.Kind() == reflect.Map:
		return free{shapeOf(t.Elem())}
	case t.Kind() == reflect.Struct:
		return structure{t}
	}
	return leaf{}
}

func (s structure) name() string {
	name, _, _ := strings.Cut(s.of.Name(), "[")
	return name
}

func (s structure) fields() []string {
	names := []string{}
	for field := range s.of.Fields() {
		if name, ok := sent(field); ok {
			names = append(names, name)
		}
	}
	return names
}

// sent returns a field's name in JSON, and whether an answer can have it: a field without
// content is only for requests.
func sent(field reflect.StructField) (name string, ok bool) {
	name, _, _ = strings.Cut(field.Tag.Get("json"), ",")
	return name, field.Type.Kind() != reflect.Struct || field.Type.NumField() > 0
}

func (s structure) field(name string) (string, Shape, bool) {
	for field := range s.of.Fields() {
		if inJSON, ok := sent(field); ok && (inJSON == name || googlejson.Snake(inJSON) == name) {
			return inJSON, shapeOf(field.Type), true
		}
	}
	return "", nil, false
}
