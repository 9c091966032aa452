package logfilter

import (
	"slices"
	"strings"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// form is the kind of values that a field has.
type form int

const (
	text   form = iota
	number      // a whole one
	boolean
	severity
	moment   // a timestamp
	duration // a length of time
	dynamic  // any value of JSON
	whole    // a message, a map or a list
)

// field is a path from a log entry to the value of a comparison.
//
// A field of LogEntry itself always has a value, at least its default. A label and a
// part of a payload may be missing. No comparison holds for a missing field.
// See https://cloud.google.com/logging/docs/view/logging-query-language#missing-fields.
type field struct {
	steps []protoreflect.FieldDescriptor
	form  form
	key   *string  // of the map at the end of the steps
	inner []string // below the struct at the end of the steps
	bits  int      // of a number
	never bool     // no entry of the engine has it
	named string   // the path of a field without steps
}

// The messages at which a path ends, or continues by other rules.
var (
	entryType     = (&loggingpb.LogEntry{}).ProtoReflect().Descriptor()
	structType    = (&structpb.Struct{}).ProtoReflect().Descriptor().FullName()
	timestampType = (&timestamppb.Timestamp{}).ProtoReflect().Descriptor().FullName()
	durationType  = (&durationpb.Duration{}).ProtoReflect().Descriptor().FullName()
)

const anyType protoreflect.FullName = "google.protobuf.Any"

// absent are fields of LogEntry that Google's messages for Go lack.
// https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry
var absent = []string{"apphub", "apphubDestination", "apphubSource", "errorGroups", "metadata", "otel"}

// resolve finds the field of a path. It returns false if LogEntry has no such field.
func resolve(path []string) (*field, bool) {
	f := &field{}
	if slices.ContainsFunc(absent, func(name string) bool { return strings.EqualFold(path[0], name) }) {
		f.form, f.never, f.named = whole, true, quotePath(path)
		return f, true
	}
	message := entryType
	for i, name := range path {
		step := find(message, name)
		if step == nil {
			return nil, false
		}
		f.steps = append(f.steps, step)
		rest := path[i+1:]
		switch {
		case step.IsMap():
			f.form = whole
			if len(rest) > 0 { // a key may have dots: labels.run.googleapis.com/execution_name
				f.form, f.key = text, new(strings.Join(rest, "."))
			}
			return f, true
		case step.IsList():
			f.form, f.never = whole, true
			return f, len(rest) == 0 || step.Message() != nil
		case step.Message() == nil:
			f.form, f.bits = scalarForm(step)
			return f, len(rest) == 0
		}
		if f.resolveMessage(step.Message(), rest) {
			return f, len(rest) == 0 || f.form == dynamic || f.never
		}
		message = step.Message()
	}
	f.form = whole
	return f, true
}

// resolveMessage ends a path at a message that needs rules of its own.
func (f *field) resolveMessage(message protoreflect.MessageDescriptor, rest []string) bool {
	switch message.FullName() {
	case structType:
		f.form = whole
		if len(rest) > 0 {
			f.form, f.inner = dynamic, rest
		}
	case timestampType:
		f.form = moment
	case durationType:
		f.form = duration
	case anyType:
		f.form, f.never = whole, true
	default:
		return false
	}
	return true
}

// find returns a message's field by its name in JSON or in the proto.
func find(message protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		if strings.EqualFold(field.JSONName(), name) || strings.EqualFold(string(field.Name()), name) {
			return field
		}
	}
	return nil
}

// scalarForm returns the form of a field without inner fields, and the size of a number.
func scalarForm(step protoreflect.FieldDescriptor) (f form, bits int) {
	switch step.Kind() {
	case protoreflect.StringKind:
		return text, 0
	case protoreflect.BoolKind:
		return boolean, 0
	case protoreflect.EnumKind: // LogEntry has no other enum
		return severity, 0
	case protoreflect.Int32Kind:
		return number, 32
	}
	return number, 64
}

// String returns the path in the form of a filter, with LogEntry's own names.
func (f *field) String() string {
	if len(f.steps) == 0 {
		return f.named
	}
	var parts []string
	for _, step := range f.steps {
		parts = append(parts, step.JSONName())
	}
	for _, part := range f.inner {
		parts = append(parts, plainOrQuoted(part))
	}
	if f.key != nil {
		parts = append(parts, plainOrQuoted(*f.key))
	}
	return strings.Join(parts, ".")
}

// name is the field in the form of the documentation, without quotes.
func (f *field) name() string {
	var parts []string
	for _, step := range f.steps {
		parts = append(parts, step.JSONName())
	}
	if f.key != nil {
		parts = append(parts, *f.key)
	}
	return strings.Join(parts, ".")
}

// target returns the message that holds the last step, and that step.
func (f *field) target(e *loggingpb.LogEntry) (protoreflect.Message, protoreflect.FieldDescriptor) {
	m, last := e.ProtoReflect(), len(f.steps)-1
	for _, step := range f.steps[:last] {
		m = m.Get(step).Message()
	}
	return m, f.steps[last]
}

// isSet reports whether the field has a value other than its default.
func (f *field) isSet(e *loggingpb.LogEntry) bool {
	if f.never {
		return false
	}
	m, step := f.target(e)
	switch {
	case f.key != nil:
		return m.Get(step).Map().Has(protoreflect.ValueOfString(*f.key).MapKey())
	case f.inner != nil:
		return eachInner(structOf(m.Get(step)), f.inner, func(*structpb.Value) bool { return true })
	}
	return m.Has(step)
}

func structOf(v protoreflect.Value) *structpb.Value {
	s, _ := v.Message().Interface().(*structpb.Struct)
	return structpb.NewStructValue(s)
}

// eachInner calls f with each value at a path below a value, until f returns true. Of a
// list on the way, it takes each element. It reports whether f returned true.
func eachInner(v *structpb.Value, path []string, f func(*structpb.Value) bool) bool {
	switch kind := v.GetKind().(type) {
	case *structpb.Value_ListValue:
		for _, element := range kind.ListValue.GetValues() {
			if eachInner(element, path, f) {
				return true
			}
		}
		return false
	case *structpb.Value_StructValue:
		if len(path) > 0 {
			below, ok := kind.StructValue.GetFields()[path[0]]
			return ok && eachInner(below, path[1:], f)
		}
	}
	return len(path) == 0 && f(v)
}
