package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith/internal/suggest"
)

// KnownNames refuses names of fields in a body that its schema does not have. It is part of
// an operation's input, and exported because huma skips other embedded fields. huma itself
// ignores the case of names, and does not tell the known ones.
type KnownNames struct{}

// Resolve returns the faults that findUnknownNames has found.
func (KnownNames) Resolve(ctx huma.Context) []error {
	if c, ok := ctx.(*statusContext); ok {
		return c.unknownNames
	}
	return nil
}

// findUnknownNames keeps the names in a body that its schema does not have. The body is
// valid JSON or empty.
func (s *server) findUnknownNames(ctx huma.Context, body []byte) {
	var value any
	c, ok := ctx.(*statusContext)
	if !ok || json.Unmarshal(body, &value) != nil {
		return // empty, or a number out of range, which huma reports
	}
	n := names{schemas: s.schemas}
	n.find("body", ctx.Operation().RequestBody.Content["application/json"].Schema, value)
	c.unknownNames = n.faults
}

// names finds names of fields that a schema does not have.
type names struct {
	schemas huma.Registry
	faults  []error
}

// find looks into a value at a path. Where the value has another form than the schema,
// huma reports that.
func (n *names) find(path string, schema *huma.Schema, value any) {
	schema = resolved(n.schemas, schema)
	switch value := value.(type) {
	case []any:
		for i, element := range value {
			if schema != nil {
				n.find(fmt.Sprintf("%s[%d]", path, i), schema.Items, element)
			}
		}
	case map[string]any:
		if schema == nil || schema.AdditionalProperties != false {
			return // the names are the caller's, as those of variables
		}
		n.findInObject(path, schema, value)
	}
}

// resolved returns the schema that a schema refers to, or the schema itself.
func resolved(schemas huma.Registry, schema *huma.Schema) *huma.Schema {
	for schema != nil && schema.Ref != "" {
		schema = schemas.SchemaFromRef(schema.Ref)
	}
	return schema
}

func (n *names) findInObject(path string, schema *huma.Schema, object map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if property, ok := schema.Properties[name]; ok {
			n.find(path+"."+name, property, object[name])
			continue
		}
		known := slices.Sorted(maps.Keys(schema.Properties))
		n.faults = append(n.faults, &huma.ErrorDetail{Location: path + "." + name, Message: suggest.Unknown(name, "this object", known)})
	}
}
