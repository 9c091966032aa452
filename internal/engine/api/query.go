package api

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/runwith/runwith"
)

// systemParameters removes the parameters that every method has from a query, and returns
// the others, which are fields of the request.
//
// Deviation: fields, for partial answers, and formats other than JSON are refused. Keys,
// quotas, script callbacks and uploads are ignored.
//
// See https://cloud.google.com/apis/docs/system-parameters.
func systemParameters(query url.Values) (encoding, url.Values, error) {
	e := encoding{pretty: true}
	for name, values := range query {
		switch name {
		case "alt", "$alt":
			for _, value := range values {
				format, option, _ := strings.Cut(value, ";")
				if format != "json" {
					return e, nil, runwith.Errorf(runwith.InvalidArgument, "%s: is %q, only json is served", name, value)
				}
				e.enumNumbers = e.enumNumbers || option == "enum-encoding=int"
			}
		case "prettyPrint", "$prettyPrint":
			e.pretty = values[0] != "false"
		case "key", "$key", "access_token", "oauth_token", "quotaUser", "$userProject",
			"callback", "$callback", "upload_protocol", "uploadType", "$.xgafv":
			// Ignored: there are no keys, quotas, script callbacks or uploads.
		case "fields", "$fields":
			return e, nil, runwith.Errorf(runwith.Unimplemented, "%s: partial answers are not served, leave it out", name)
		default:
			continue
		}
		query.Del(name)
	}
	return e, query, nil
}

// setField sets the field at a dotted path of names, each in JSON's or the proto's form.
func setField(m protoreflect.Message, path string, values []string) error {
	name, rest, nested := strings.Cut(path, ".")
	fields := m.Descriptor().Fields()
	field := fields.ByJSONName(name)
	if field == nil {
		field = fields.ByName(protoreflect.Name(name))
	}
	if field == nil {
		return runwith.Errorf(runwith.InvalidArgument, "%s: is not a field of %s", path, m.Descriptor().Name())
	}
	if nested {
		if field.Message() == nil || field.IsList() || field.IsMap() {
			return runwith.Errorf(runwith.InvalidArgument, "%s: %s has no fields of its own", path, name)
		}
		return setField(m.Mutable(field).Message(), rest, values)
	}
	if field.IsMap() || (!field.IsList() && len(values) != 1) {
		return runwith.Errorf(runwith.InvalidArgument, "%s: takes one value", path)
	}
	for _, text := range values {
		value, err := parseValue(m, field, text)
		if err != nil {
			return runwith.Errorf(runwith.InvalidArgument, "%s: %.100q is no %s", path, text, kindName(field))
		}
		if field.IsList() {
			m.Mutable(field).List().Append(value)
		} else {
			m.Set(field, value)
		}
	}
	return nil
}

// parseValue reads a scalar, the name or number of an enum value, or a message that is a
// string in JSON (a duration, a time, a field mask).
func parseValue(m protoreflect.Message, field protoreflect.FieldDescriptor, text string) (protoreflect.Value, error) {
	switch field.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(text), nil
	case protoreflect.BoolKind:
		b, err := strconv.ParseBool(text)
		return protoreflect.ValueOfBool(b), err
	case protoreflect.Int32Kind:
		n, err := strconv.ParseInt(text, 10, 32)
		return protoreflect.ValueOfInt32(int32(n)), err
	case protoreflect.Int64Kind:
		n, err := strconv.ParseInt(text, 10, 64)
		return protoreflect.ValueOfInt64(n), err
	case protoreflect.EnumKind:
		if value := field.Enum().Values().ByName(protoreflect.Name(text)); value != nil {
			return protoreflect.ValueOfEnum(value.Number()), nil
		}
		n, err := strconv.ParseInt(text, 10, 32)
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(n)), err
	case protoreflect.MessageKind:
		value := newElement(m, field)
		quoted, err := json.Marshal(text)
		if err != nil {
			return value, err
		}
		return value, protojson.Unmarshal(quoted, value.Message().Interface())
	}
	return protoreflect.Value{}, strconv.ErrSyntax
}

func newElement(m protoreflect.Message, field protoreflect.FieldDescriptor) protoreflect.Value {
	if field.IsList() {
		return m.NewField(field).List().NewElement()
	}
	return m.NewField(field)
}

func kindName(field protoreflect.FieldDescriptor) string {
	if field.Message() != nil {
		return string(field.Message().Name())
	}
	if field.Enum() != nil {
		return string(field.Enum().Name())
	}
	return field.Kind().String()
}
