package api

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/googlejson"
	"github.com/runwith/runwith/internal/suggest"
)

// parameters are the fields of a request that its query sets.
type parameters struct {
	into protoreflect.Message
	sent map[string]string // the name that was sent, by the field's path
	body bool              // whether a body may have set fields before
}

// setAll sets the fields of a query.
func (q *parameters) setAll(query url.Values) error {
	q.sent = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if err := q.set(q.into, "", name, query[name]); err != nil {
			return err
		}
	}
	return nil
}

// set sets the field of m at a dotted path of names, each in JSON's or the proto's form.
// above is the path of m, in the proto's form.
func (q *parameters) set(m protoreflect.Message, above, path string, values []string) error {
	name, rest, nested := strings.Cut(path, ".")
	field := googlejson.Field(m.Descriptor(), name)
	if field == nil {
		return runwith.Errorf(runwith.InvalidArgument, "%s: %s", googlejson.Printable(path),
			suggest.Unknown(name, string(m.Descriptor().Name()), googlejson.Names(m.Descriptor())))
	}
	full := above + string(field.Name())
	if nested {
		if field.Message() == nil || field.IsList() || field.IsMap() {
			return runwith.Errorf(runwith.InvalidArgument, "%s: %s has no fields of its own", path, name)
		}
		return q.set(m.Mutable(field).Message(), full+".", rest, values)
	}
	if err := q.once(m, field, full, path, len(values)); err != nil {
		return err
	}
	for _, text := range values {
		value, ok := googlejson.Text(m, field, text)
		if !ok {
			return runwith.Errorf(runwith.InvalidArgument, "%s: must be %s, not %.100q", path, googlejson.Wanted(field), text)
		}
		if field.IsList() {
			m.Mutable(field).List().Append(value)
		} else {
			m.Set(field, value)
		}
	}
	return nil
}

// once refuses several values of a field that takes one: repeated, in both spellings, or
// in the body too.
func (q *parameters) once(m protoreflect.Message, field protoreflect.FieldDescriptor, full, path string, values int) error {
	other, sent := q.sent[full]
	q.sent[full] = path
	switch {
	case field.IsMap(), field.Message() != nil && field.Message().ParentFile().Package() != "google.protobuf":
		return runwith.Errorf(runwith.InvalidArgument, "%s: can only be in the body", path)
	case sent:
		return runwith.Errorf(runwith.InvalidArgument, "%s: is the same field as %s, send one of them", path, other)
	case q.body && m.Has(field):
		return runwith.Errorf(runwith.InvalidArgument, "%s: is in the body too, send it once", path)
	case values != 1 && !field.IsList():
		return runwith.Errorf(runwith.InvalidArgument, "%s: takes one value, not %d", path, values)
	}
	return nil
}
