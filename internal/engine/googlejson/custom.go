package googlejson

import (
	"encoding/json"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

// custom reports whether a field's messages have a form of their own in JSON, such as a
// duration, which is a string.
func custom(field protoreflect.FieldDescriptor) bool {
	return field.Message() != nil && field.Message().ParentFile().Package() == "google.protobuf"
}

// plainToo reports whether a message with a form of its own may also be an object of its
// fields, as {"seconds":600} is a duration to Google's reader. An object is itself the form
// of the others.
func plainToo(field protoreflect.FieldDescriptor) bool {
	if !custom(field) {
		return false
	}
	switch field.Message().Name() {
	case "Struct", "Value", "ListValue", "Any", "Empty":
		return false
	}
	return true
}

// valid reports whether the fields of a duration or a time are within their bounds.
func valid(m proto.Message) bool {
	bounded, ok := m.(interface{ IsValid() bool })
	return !ok || bounded.IsValid()
}

// isNull reports whether a token leaves a field unset. Only a dynamic value can be null.
func isNull(field protoreflect.FieldDescriptor, token json.Token) bool {
	return token == nil && (field.Message() == nil || field.Message().FullName() != "google.protobuf.Value")
}

// Custom reads JSON into a message with a form of its own. It reports whether it could.
func Custom(raw []byte, into proto.Message) bool {
	if mask, ok := into.(*fieldmaskpb.FieldMask); ok {
		return fieldMask(raw, mask)
	}
	return protojson.Unmarshal(raw, into) == nil
}

// fieldMask reads paths that are separated by commas, in either spelling.
func fieldMask(raw []byte, into *fieldmaskpb.FieldMask) bool {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return false
	}
	into.Paths = nil
	if text == "" {
		return true
	}
	for path := range strings.SplitSeq(text, ",") {
		if path == "" || strings.ContainsFunc(path, notInPath) {
			return false
		}
		into.Paths = append(into.Paths, Snake(path))
	}
	return true
}

func notInPath(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' || r == '.' || r == '*')
}

// customWanted describes the values of messages with a form of their own.
func customWanted(m protoreflect.MessageDescriptor) string {
	switch m.Name() {
	case "Duration":
		return "a duration in seconds, such as 600s"
	case "Timestamp":
		return "a time, such as 2026-01-31T12:00:00Z"
	case "FieldMask":
		return "names of fields, separated by commas"
	case "Struct":
		return "an object"
	case "Any":
		return "an object with @type"
	}
	return "a valid " + string(m.Name())
}

// Text returns the value of a field, or of an element of a list, in the text of a query's
// parameter. It reports false if the text is none, and for fields that have no such form.
func Text(m protoreflect.Message, field protoreflect.FieldDescriptor, text string) (value protoreflect.Value, ok bool) {
	if field.Message() == nil {
		return scalar(field, text)
	}
	value = m.NewField(field)
	if field.IsList() {
		value = value.List().NewElement()
	}
	quoted, err := json.Marshal(text)
	return value, err == nil && custom(field) && Custom(quoted, value.Message().Interface())
}

// Wanted describes the values that a field, or an element of a list, takes.
func Wanted(field protoreflect.FieldDescriptor) string { return wanted(element{field}) }
