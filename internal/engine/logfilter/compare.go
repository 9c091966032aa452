package logfilter

import (
	"cmp"
	"math"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// operator is the operator of a comparison.
type operator string

const (
	equal    operator = "="
	unequal  operator = "!="
	less     operator = "<"
	atMost   operator = "<="
	greater  operator = ">"
	atLeast  operator = ">="
	has      operator = ":"
	matches  operator = "=~"
	differs  operator = "!~"
	presence operator = ":*"
)

// operators are the operators of the language, longer ones first.
var operators = []operator{unequal, atMost, atLeast, matches, differs, equal, less, greater, has}

// isRegexp reports whether a regular expression follows an operator.
func (o operator) isRegexp() bool { return o == matches || o == differs }

// holds reports whether an operator holds for the result of a comparison.
func (o operator) holds(order int) bool {
	switch o {
	case less:
		return order < 0
	case atMost:
		return order <= 0
	case greater:
		return order > 0
	case atLeast:
		return order >= 0
	case unequal:
		return order != 0
	}
	return order == 0 // for these values, "has" means "equals"
}

// comparison is a condition on a field.
type comparison struct {
	field    *field
	operator operator
	literal  literal
}

func (c *comparison) String() string {
	if c.operator == presence {
		return c.field.String() + ":*"
	}
	return c.field.String() + " " + string(c.operator) + " " + c.literal.String()
}

func (c *comparison) match(e *loggingpb.LogEntry) bool {
	if c.field.never {
		return false
	}
	if c.operator == presence {
		return c.field.isSet(e)
	}
	m, step := c.field.target(e)
	switch c.field.form {
	case text:
		return c.matchText(m, step)
	case dynamic:
		return c.matchInner(structOf(m.Get(step)))
	case whole:
		return anyText(m.Get(step), step, func(text string) bool { return contains(text, c.literal.folded) })
	}
	return c.operator.holds(c.order(m.Get(step)))
}

func (c *comparison) matchText(m protoreflect.Message, step protoreflect.FieldDescriptor) bool {
	v := m.Get(step)
	if c.field.key != nil {
		if v = v.Map().Get(protoreflect.ValueOfString(*c.field.key).MapKey()); !v.IsValid() {
			return false
		}
	}
	return c.holdsOf(v.String())
}

// holdsOf compares a text.
func (c *comparison) holdsOf(text string) bool {
	switch c.operator {
	case has:
		return contains(text, c.literal.folded)
	case matches:
		return c.literal.regexp.MatchString(text)
	case differs:
		return !c.literal.regexp.MatchString(text)
	}
	return c.operator.holds(strings.Compare(fold(text), c.literal.folded))
}

// holdsOfNumber compares a number with a literal that is one. NaN equals nothing.
func (c *comparison) holdsOfNumber(n float64) bool {
	if math.IsNaN(n) || math.IsNaN(*c.literal.number) {
		return c.operator == unequal
	}
	return c.operator.holds(cmp.Compare(n, *c.literal.number))
}

// order compares a field that has only one form.
func (c *comparison) order(v protoreflect.Value) int {
	switch c.field.form {
	case boolean:
		return compareBools(v.Bool(), c.literal.folded)
	case severity:
		return cmp.Compare(int64(v.Enum()), c.literal.exact)
	case moment, duration:
		return cmp.Compare(nanosOf(v.Message().Interface()), c.literal.exact)
	}
	return cmp.Compare(v.Int(), c.literal.exact)
}

// compareBools compares a value with the text true or false. True is the larger one.
func compareBools(v bool, text string) int { return strings.Compare(strconv.FormatBool(v), text) }

func nanosOf(m protoreflect.ProtoMessage) int64 {
	switch m := m.(type) {
	case *timestamppb.Timestamp:
		return m.GetSeconds()*int64(time.Second) + int64(m.GetNanos())
	case *durationpb.Duration:
		return m.GetSeconds()*int64(time.Second) + int64(m.GetNanos())
	}
	return 0
}

// matchInner compares the values at the field's path in a payload. Of a list, one
// matching element is enough.
// See https://cloud.google.com/logging/docs/view/logging-query-language#object_array_types.
func (c *comparison) matchInner(payload *structpb.Value) bool {
	return eachInner(payload, c.field.inner, c.holdsOfJSON)
}

// holdsOfJSON compares a value of a payload, whose kind decides the type. If the literal
// is not of that type, the comparison fails, whatever its operator.
func (c *comparison) holdsOfJSON(v *structpb.Value) bool {
	if s, ok := v.GetKind().(*structpb.Value_StringValue); ok {
		return c.holdsOf(s.StringValue)
	}
	if c.operator.isRegexp() {
		return false
	}
	switch v := v.GetKind().(type) {
	case *structpb.Value_NumberValue:
		return c.literal.number != nil && c.holdsOfNumber(v.NumberValue)
	case *structpb.Value_BoolValue:
		return c.literal.isBool() && c.operator.holds(compareBools(v.BoolValue, c.literal.folded))
	case *structpb.Value_NullValue:
		return c.literal.isNull() && (c.operator == equal || c.operator == has)
	case *structpb.Value_StructValue:
		return c.operator == has && anyJSONText(structpb.NewStructValue(v.StructValue), func(text string) bool {
			return contains(text, c.literal.folded)
		})
	}
	return false
}
