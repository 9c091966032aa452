package runwith

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// encode returns the JSON of a request's body. json.Marshal would replace bytes that are not
// UTF-8 with U+FFFD, and the job would get another text than the caller's. what names the
// body in errors.
func encode(what string, body any) ([]byte, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, &Error{Code: InvalidArgument, Message: what + " cannot be encoded as JSON: " + unencodable(err), Err: err}
	}
	if at, found := notText(reflect.ValueOf(body)); found { // after json.Marshal, which refuses the cycles that notText would follow
		return nil, Errorf(InvalidArgument, "%s: must be UTF-8 text", strings.TrimPrefix(at, "."))
	}
	return data, nil
}

// unencodable returns the reason of an error of json.Marshal. It has no values of parameters.
func unencodable(err error) string {
	if e, ok := errors.AsType[*json.MarshalerError](err); ok && e.Type == reflect.TypeFor[time.Time]() {
		return "a time such as startAt must be one of RFC 3339: " + e.Err.Error()
	}
	return "parameters must be strings, numbers or booleans"
}

// notText returns the path of the first string in v that is not UTF-8, such as .args[1]. It does
// not look into values that encode themselves.
func notText(v reflect.Value) (path string, found bool) {
	if encodesItself(v) {
		return "", false
	}
	switch v.Kind() {
	case reflect.String:
		return "", !utf8.ValidString(v.String())
	case reflect.Pointer, reflect.Interface:
		return notText(v.Elem())
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if path, found = notText(v.Index(i)); found {
				return fmt.Sprintf("[%d]%s", i, path), true
			}
		}
	case reflect.Map:
		return notTextEntry(v)
	case reflect.Struct:
		return notTextField(v)
	}
	return "", false
}

// encodesItself reports whether json.Marshal calls a method of v. Its fields are then no part of
// the JSON, and may have cycles. The methods of [Overrides] encode the fields.
func encodesItself(v reflect.Value) bool {
	if !v.IsValid() {
		return false
	}
	t := v.Type()
	if v.CanAddr() {
		t = reflect.PointerTo(t)
	}
	if t == reflect.TypeFor[Overrides]() || t == reflect.TypeFor[*Overrides]() {
		return false
	}
	return t.Implements(reflect.TypeFor[json.Marshaler]()) || t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

// notTextEntry is [notText] of a map whose names are strings.
func notTextEntry(v reflect.Value) (path string, found bool) {
	for entries := v.MapRange(); entries.Next(); {
		name := entries.Key().String()
		if !utf8.ValidString(name) {
			return fmt.Sprintf(".%q", name), true
		}
		if path, found = notText(entries.Value()); found {
			return "." + name + path, true
		}
	}
	return "", false
}

// notTextField is [notText] of a struct. Fields without a name in JSON are embedded there.
func notTextField(v reflect.Value) (path string, found bool) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() && !field.Anonymous || field.Tag.Get("json") == "-" {
			continue
		}
		if path, found = notText(v.Field(i)); !found {
			continue
		}
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			path = "." + name + path
		}
		return path, true
	}
	return "", false
}
