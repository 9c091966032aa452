package trigger

import "encoding/base64"

// object reads the fields of a JSON object. Errors name fields, and have no values.
type object struct {
	fields map[string]any
	name   string // of the object, for errors; empty: the body
}

// objectOf returns a value as an object.
func objectOf(value any, name string) (object, error) {
	fields, ok := value.(map[string]any)
	if !ok && name == "" {
		return object{}, malformed("the body is not a JSON object")
	}
	if !ok {
		return object{}, malformed("%s is missing or is not an object", name)
	}
	return object{fields, name}, nil
}

func (o object) path(field string) string {
	if o.name == "" {
		return field
	}
	return o.name + "." + field
}

// object returns a field that is an object.
func (o object) object(field string) (object, error) { return objectOf(o.fields[field], o.path(field)) }

// text returns a field that is text; empty if it is absent.
func (o object) text(field string) (string, error) {
	value := o.fields[field]
	text, ok := value.(string)
	if value != nil && !ok {
		return "", malformed("%s is not text", o.path(field))
	}
	return text, nil
}

// either returns a field that has two spellings, which agree.
func (o object) either(field, other string) (string, error) {
	a, err := o.text(field)
	if err != nil {
		return "", err
	}
	b, err := o.text(other)
	if err != nil {
		return "", err
	}
	switch {
	case a == "":
		return b, nil
	case b != "" && a != b:
		return "", malformed("%s and %s differ", o.path(field), o.path(other))
	}
	return a, nil
}

// bytes returns a field that is base64; empty if it is absent.
func (o object) bytes(field string) ([]byte, error) {
	text, err := o.text(field)
	if err != nil {
		return nil, err
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, malformed("%s is not base64", o.path(field))
	}
	return data, nil
}

// texts returns a field that is an object of texts; empty if it is absent.
func (o object) texts(field string) (map[string]any, error) {
	if o.fields[field] == nil {
		return map[string]any{}, nil
	}
	inside, err := o.object(field)
	if err != nil {
		return nil, err
	}
	for name := range inside.fields {
		if _, ok := inside.fields[name].(string); !ok {
			return nil, malformed("%s has a value that is not text", inside.name)
		}
	}
	return inside.fields, nil
}
