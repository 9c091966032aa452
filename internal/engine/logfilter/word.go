package logfilter

import (
	"strconv"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
)

// word is a text without a field, which matches anywhere in an entry.
// See https://cloud.google.com/logging/docs/view/logging-query-language#global-restrictions.
type word struct{ literal }

func (w word) match(e *loggingpb.LogEntry) bool {
	return anyTextBelow(e.ProtoReflect(), func(text string) bool { return contains(text, w.folded) })
}

// anyTextBelow reports whether f holds for any text in a message: strings, numbers and
// names of enums. Timestamps and durations are no texts.
func anyTextBelow(m protoreflect.Message, f func(string) bool) bool {
	found := false
	m.Range(func(step protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		found = anyText(v, step, f)
		return !found
	})
	return found
}

// anyText is anyTextBelow for the value of a field.
func anyText(v protoreflect.Value, step protoreflect.FieldDescriptor, f func(string) bool) bool {
	switch {
	case step.IsMap():
		found := false
		v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
			found = anyText(v, step.MapValue(), f)
			return !found
		})
		return found
	case step.IsList():
		for i := range v.List().Len() {
			if step.Message() != nil && anyTextBelow(v.List().Get(i).Message(), f) {
				return true
			}
		}
		return false
	case step.Message() != nil:
		if payload, ok := v.Message().Interface().(*structpb.Struct); ok {
			return anyJSONText(structpb.NewStructValue(payload), f)
		}
		name := step.Message().FullName()
		return name != timestampType && name != durationType && anyTextBelow(v.Message(), f)
	case step.Kind() == protoreflect.EnumKind:
		name := step.Enum().Values().ByNumber(v.Enum())
		return name != nil && f(string(name.Name()))
	}
	return f(v.String())
}

// anyJSONText is anyTextBelow for a value of a payload.
func anyJSONText(v *structpb.Value, f func(string) bool) bool {
	switch v := v.GetKind().(type) {
	case *structpb.Value_StringValue:
		return f(v.StringValue)
	case *structpb.Value_NumberValue:
		return f(strconv.FormatFloat(v.NumberValue, 'g', -1, 64))
	case *structpb.Value_BoolValue:
		return f(strconv.FormatBool(v.BoolValue))
	case *structpb.Value_StructValue:
		for _, below := range v.StructValue.GetFields() {
			if anyJSONText(below, f) {
				return true
			}
		}
	case *structpb.Value_ListValue:
		for _, below := range v.ListValue.GetValues() {
			if anyJSONText(below, f) {
				return true
			}
		}
	}
	return false
}
