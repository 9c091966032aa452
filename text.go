package runwith

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// encode returns the JSON of a request's body. json.Marshal would replace bytes that are not
// UTF-8 with U+FFFD, and the job would get another text than the caller's. what names the
// body in errors.
func encode(what string, body any) ([]byte, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, &Error{Code: InvalidArgument, Message: what + " cannot be encoded as JSON: parameters must be strings, numbers or booleans", Err: err}
	}
	if at, found := notText(reflect.ValueOf(body)); found { // after json.Marshal, which refuses cycles
		return nil, Errorf(InvalidArgument, "%s: must be UTF-8 text", strings.TrimPrefix(at, "."))
	}
	return data, nil
}

// notText returns the path of the first string in v that is not UTF-8, such as .args[1].
func notText(v reflect.Value) (path string, found bool) {
	switch v.Kind() {
	case reflect.String:
		return "", !utf8.ValidString(v.String())
	case reflect.Pointer, reflect.Interface:
		return notText(v.Elem())
	case reflect.Slice:
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
		if !field.IsExported() && !field.Anonymous {
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
