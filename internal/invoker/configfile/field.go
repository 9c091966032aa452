package configfile

import (
	"reflect"

	"github.com/goccy/go-yaml/ast"
)

// field is a field of a type of the file.
type field struct {
	name  string
	index []int
	tag   reflect.StructTag
	of    reflect.Type
}

func (f field) required() bool { return f.tag.Get("required") != "" }

// fieldsOf returns the fields of a struct in their order.
func fieldsOf(t reflect.Type) (fields []field) {
	for f := range t.Fields() {
		if name := f.Tag.Get("yaml"); name != "" {
			fields = append(fields, field{name, f.Index, f.Tag, f.Type})
		}
	}
	return fields
}

func fieldNamed(t reflect.Type, name string) (field, bool) {
	for _, f := range fieldsOf(t) {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

// nullable reports whether an empty value may stand for the zero value of a type: for what
// has entries or fields, such as "jobs:" without any.
func nullable(t reflect.Type) bool {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[text]()) {
		return false
	}
	return t.Kind() == reflect.Struct || t.Kind() == reflect.Map || t.Kind() == reflect.Slice
}

func isNull(node ast.Node) bool {
	_, null := node.(*ast.NullNode)
	return null
}
