package knative_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/engine/conformance/discovery"
	"github.com/runwith/runwith/internal/engine/knative"
)

// schema is a schema of a discovery document, or a property of one.
type schema struct {
	Type                 string
	Format               string
	Ref                  string `json:"$ref"`
	Items                *schema
	AdditionalProperties *schema
	Properties           map[string]*schema
}

// v1Schemas returns the schemas of Cloud Run's v1 API.
func v1Schemas(t *testing.T) map[string]*schema {
	t.Helper()
	raw, err := discovery.Read("v1")
	if err != nil {
		t.Fatal(err)
	}
	var document struct{ Schemas map[string]*schema }
	if err := json.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	return document.Schemas
}

// schemaNames are the schemas of types with a different name in this package.
var schemaNames = map[string]string{
	"TemplateMeta":     "ObjectMeta",
	"Condition":        "GoogleCloudRunV1Condition",
	"GoogleRPCStatus":  "GoogleRpcStatus",
	"List[Job]":        "ListJobsResponse",
	"List[*Job]":       "ListJobsResponse",
	"List[*Execution]": "ListExecutionsResponse",
	"List[*Task]":      "ListTasksResponse",
}

// neverSent are output fields that no answer contains.
var neverSent = map[string]string{
	"ListJobsResponse.unreachable":       "all regions are on this machine",
	"ListExecutionsResponse.unreachable": "all regions are on this machine",
	"ListTasksResponse.unreachable":      "all regions are on this machine",
	"ListMeta.resourceVersion":           "nothing can be watched",
	"ListMeta.selfLink":                  "a list is not kept",
	"Status.code":                        "errors are in Google's own envelope",
	"Status.message":                     "errors are in Google's own envelope",
	"Status.reason":                      "errors are in Google's own envelope",
	"Status.metadata":                    "there is nothing to page through",
	"StatusDetails.causes":               "errors are in Google's own envelope",
	"StatusDetails.group":                "there is one",
	"StatusDetails.retryAfterSeconds":    "errors are in Google's own envelope",
}

// servedTypes returns the types that cross the wire.
func servedTypes() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[knative.Job](), reflect.TypeFor[knative.Execution](), reflect.TypeFor[knative.Task](),
		reflect.TypeFor[knative.List[*knative.Job]](), reflect.TypeFor[knative.List[*knative.Execution]](), reflect.TypeFor[knative.List[*knative.Task]](),
		reflect.TypeFor[knative.Status](), reflect.TypeFor[knative.RunJobRequest](), reflect.TypeFor[knative.CancelExecutionRequest](),
	}
}

func TestFieldsMatchTheDiscoveryDocument(t *testing.T) {
	t.Parallel()
	c := &discoveryCheck{T: t, schemas: v1Schemas(t), seen: map[reflect.Type]bool{}, unsent: maps.Clone(neverSent)}
	for _, served := range servedTypes() {
		c.object(served)
	}
	for field := range c.unsent {
		t.Errorf("neverSent contains %s, which is sent or does not exist", field)
	}
}

// discoveryCheck compares types with schemas, at every depth.
type discoveryCheck struct {
	*testing.T
	schemas map[string]*schema
	seen    map[reflect.Type]bool
	unsent  map[string]string
}

func (c *discoveryCheck) object(of reflect.Type) {
	if c.seen[of] {
		return
	}
	c.seen[of] = true
	name := schemaName(of)
	s := c.schemas[name]
	if s == nil {
		c.Errorf("%s has no schema %s", of, name)
		return
	}
	fields := map[string]reflect.StructField{}
	for field := range of.Fields() {
		fields[jsonName(field)] = field
	}
	for _, property := range slices.Sorted(maps.Keys(s.Properties)) {
		path := name + "." + property
		field, there := fields[property]
		delete(fields, property)
		switch {
		case !there && c.unsent[path] == "":
			c.Errorf("%s has no field for %s: translate it, or refuse it with a reason", of, path)
		case there:
			c.property(path, field, s.Properties[property])
		}
		if !there {
			delete(c.unsent, path)
		}
	}
	for field := range fields {
		c.Errorf("%s.%s is in no schema", name, field)
	}
}

func schemaName(of reflect.Type) string {
	name := strings.ReplaceAll(of.Name(), "github.com/runwith/runwith/internal/engine/knative.", "")
	if other := schemaNames[name]; other != "" {
		return other
	}
	return name
}

func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

// property compares a field's type with its schema, at every depth. A refused, fixed or
// ignored field must give a reason.
func (c *discoveryCheck) property(path string, field reflect.StructField, s *schema) {
	if kind := field.Type.Name(); slices.Contains([]string{"refused", "fixed", "ignored"}, kind) {
		if field.Tag.Get(kind) == "" {
			c.Errorf("%s is %s, want a reason in its tag", path, kind)
		}
		return
	}
	if got, want := c.typeOf(field.Type), s.text(); got != want {
		c.Errorf("%s is %s, want %s", path, got, want)
	}
}

// typeOf describes a type in the same form as schema.text.
func (c *discoveryCheck) typeOf(of reflect.Type) string {
	switch {
	case of == reflect.TypeFor[knative.Int64]():
		return "string int64"
	case of == reflect.TypeFor[json.RawMessage]():
		return "map of any"
	}
	switch of.Kind() {
	case reflect.Pointer:
		return c.typeOf(of.Elem())
	case reflect.Slice:
		return "list of " + c.typeOf(of.Elem())
	case reflect.Map:
		return "map of " + c.typeOf(of.Elem())
	case reflect.Struct:
		c.object(of)
		return schemaName(of)
	case reflect.Int32:
		return "integer int32"
	case reflect.Bool:
		return "boolean"
	}
	return of.Kind().String()
}

func (s *schema) text() string {
	switch {
	case s.Ref != "":
		return s.Ref
	case s.Type == "array":
		return "list of " + s.Items.text()
	case s.AdditionalProperties != nil:
		return "map of " + s.AdditionalProperties.text()
	case s.Format == "google-datetime":
		return s.Type
	}
	return strings.TrimSpace(fmt.Sprint(s.Type, " ", s.Format))
}
