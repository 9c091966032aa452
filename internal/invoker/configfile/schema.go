package configfile

import (
	"encoding/json"
	"reflect"
)

// SchemaID identifies the schema of the file.
const SchemaID = "https://github.com/runwith/runwith/runwith.schema.json"

// object is a JSON object.
type object = map[string]any

// Schema returns the JSON Schema (2020-12) of the file, for editors. It describes every
// field, but not how fields depend on each other.
func Schema() ([]byte, error) {
	d := describer{rules(), object{}}
	root := d.fields(reflect.TypeFor[File]())
	root["$schema"], root["$id"] = "https://json-schema.org/draft/2020-12/schema", SchemaID
	root["title"], root["description"] = "runwith.yaml", "Who may call a runwith server, which jobs they may start, and who is told when they end."
	root["$defs"] = d.defs
	return json.MarshalIndent(root, "", "  ")
}

// describer describes the types of the file as [reader] reads them.
type describer struct {
	rules map[string]rule
	defs  object // by the name of the type
}

// value describes a type, with the rules in the tag of its field.
func (d describer) value(t reflect.Type, tag reflect.StructTag) object {
	if v, ok := reflect.TypeAssert[text](reflect.New(t)); ok {
		if _, number := v.(interface{ number() }); number {
			return object{"anyOf": []object{{"type": "string", "pattern": v.pattern()}, {"const": 0}}}
		}
		return object{"type": "string", "pattern": v.pattern()}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return d.value(t.Elem(), tag)
	case reflect.Struct:
		if reflect.PointerTo(t).Implements(reflect.TypeFor[shortened]()) {
			return object{"anyOf": []object{{"type": []string{"string", "number", "boolean"}}, d.reference(t)}}
		}
		return d.reference(t)
	case reflect.Map:
		return d.entries(t, tag)
	case reflect.Slice:
		return d.list(t, tag)
	case reflect.Interface:
		return object{"type": []string{"string", "number", "boolean"}}
	}
	return d.scalar(t, tag)
}

// reference describes a struct once, and refers to it.
func (d describer) reference(t reflect.Type) object {
	if d.defs[t.Name()] == nil {
		d.defs[t.Name()] = object{} // ends a recursion
		d.defs[t.Name()] = d.fields(t)
	}
	return object{"$ref": "#/$defs/" + t.Name()}
}

func (d describer) fields(t reflect.Type) object {
	properties, required := object{}, []string{}
	for _, f := range fieldsOf(t) {
		property := d.value(f.of, f.tag)
		if nullable(f.of) && !f.required() {
			property = orNull(property)
		}
		property["description"] = f.tag.Get("doc")
		properties[f.name] = property
		if f.required() {
			required = append(required, f.name)
		}
	}
	o := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		o["required"] = required
	}
	if t == reflect.TypeFor[Secret]() {
		o["minProperties"], o["maxProperties"] = 1, 1
	}
	return o
}

// orNull also accepts null in place of an object or a list.
func orNull(of object) object {
	if kind, ok := of["type"].(string); ok {
		of["type"] = []string{kind, "null"}
		return of
	}
	return object{"anyOf": []object{of, {"type": "null"}}}
}

func (d describer) entries(t reflect.Type, tag reflect.StructTag) object {
	value := d.value(t.Elem(), tag)
	if nullable(t.Elem()) {
		value = orNull(value)
	}
	o := object{"type": "object", "additionalProperties": value, "propertyNames": d.rules[tag.Get("keys")].schema()}
	if limit := number(tag.Get("most")); limit > 0 {
		o["maxProperties"] = limit
	}
	return o
}

func (d describer) list(t reflect.Type, tag reflect.StructTag) object {
	element := d.value(t.Elem(), tag)
	list := object{"type": "array", "items": element}
	if limit := number(tag.Get("most")); limit > 0 {
		list["maxItems"] = limit
	}
	if tag.Get("required") != "" {
		list["minItems"] = 1
	}
	if t.Implements(reflect.TypeFor[oneOrMany]()) {
		return object{"anyOf": []object{element, list}}
	}
	return list
}

func (d describer) scalar(t reflect.Type, tag reflect.StructTag) object {
	kind := kindOf(t)
	if kind == "string" {
		o := d.rules[tag.Get("rule")].schema()
		o["type"] = kind
		return o
	}
	o := object{"type": kind}
	if least, most := d.rules[tag.Get("rule")].least, d.rules[tag.Get("rule")].most; most > 0 {
		o["minimum"], o["maximum"] = least, most
	}
	return o
}

// schema describes a text under the rule.
func (u rule) schema() object {
	o := object{}
	switch {
	case u.words != nil:
		o["enum"] = u.words
	case u.pattern != nil:
		o["pattern"] = u.pattern.String()
	}
	if u.words == nil {
		o["maxLength"] = maxText
		if u.longest > 0 {
			o["maxLength"] = u.longest
		}
	}
	return o
}
