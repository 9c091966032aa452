package discovery

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// schema describes a value in the document.
type schema struct {
	Ref                  string `json:"$ref"`
	Type                 string
	Format               string
	Enum                 []string
	Items                *schema
	Properties           map[string]*schema
	AdditionalProperties *schema
}

// check collects the deviations of one answer.
type check struct {
	document   *Document
	deviations []string
}

func (c *check) addf(format string, args ...any) {
	c.deviations = append(c.deviations, fmt.Sprintf(format, args...))
}

// value compares the value at a path with its schema.
func (c *check) value(at string, s *schema, v any) {
	if s.Ref != "" {
		s = c.document.schemas[s.Ref]
	}
	switch s.Type {
	case "object":
		c.object(at, s, v)
	case "array":
		c.array(at, s, v)
	case "string":
		c.text(at, s, v)
	case "boolean":
		if _, ok := v.(bool); !ok {
			c.addf("%s: is %v, want a boolean", at, v)
		}
	case "integer", "number":
		c.number(at, s, v)
	case "any":
	default:
		c.addf("%s: the document has type %q, which is not known", at, s.Type)
	}
}

func (c *check) object(at string, s *schema, v any) {
	object, ok := v.(map[string]any)
	if !ok {
		c.addf("%s: is %v, want an object", at, v)
		return
	}
	if packed, ok := object["@type"].(string); ok {
		c.any(at, packed, object)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		field := s.Properties[name]
		if field == nil {
			field = s.AdditionalProperties
		}
		if field == nil {
			c.addf("%s: has the unknown field %s", at, name)
			continue
		}
		c.value(at+"."+name, field, object[name])
	}
}

// any compares a packed message of Cloud Run with its own schema: the metadata or the
// response of an operation.
func (c *check) any(at, packed string, object map[string]any) {
	const prefix = "type.googleapis.com/google.cloud.run.v2."
	name, ok := strings.CutPrefix(packed, prefix)
	s := c.document.schemas["GoogleCloudRunV2"+name]
	if !ok || s == nil {
		c.addf("%s: has the unknown type %s", at, packed)
		return
	}
	rest := maps.Clone(object)
	delete(rest, "@type")
	c.object(at, s, rest)
}

func (c *check) array(at string, s *schema, v any) {
	values, ok := v.([]any)
	if !ok {
		c.addf("%s: is %v, want an array", at, v)
		return
	}
	for i, value := range values {
		c.value(fmt.Sprintf("%s[%d]", at, i), s.Items, value)
	}
}

// text compares a string with its format. For an enum it also accepts a number, because
// clients may request numbers.
func (c *check) text(at string, s *schema, v any) {
	if _, isNumber := v.(json.Number); isNumber && len(s.Enum) > 0 {
		return
	}
	text, ok := v.(string)
	if !ok {
		c.addf("%s: is %v, want a string", at, v)
		return
	}
	var err error
	switch {
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, text):
		c.addf("%s: is %q, want one of %q", at, text, s.Enum)
	case s.Format == "int64":
		_, err = strconv.ParseInt(text, 10, 64)
	case s.Format == "google-datetime":
		_, err = time.Parse(time.RFC3339Nano, text)
	case s.Format == "google-duration":
		_, err = time.ParseDuration(text)
	case s.Format == "byte":
		_, err = base64.StdEncoding.DecodeString(text)
	}
	if err != nil {
		c.addf("%s: is %q, want the format %s", at, text, s.Format)
	}
}

func (c *check) number(at string, s *schema, v any) {
	number, ok := v.(json.Number)
	if !ok {
		c.addf("%s: is %#v, want a number", at, v)
		return
	}
	bits := 64
	if s.Format == "int32" {
		bits = 32
	}
	if _, err := strconv.ParseInt(number.String(), 10, bits); err != nil && s.Type == "integer" {
		c.addf("%s: is %s, want the format %s", at, number, s.Format)
	}
}
