package trigger

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/jobspec"
)

// mapped is a parameter and the source of its value.
type mapped struct {
	name     string
	kind     string // type of the parameter
	mayLack  bool   // the job has a default, or does without a value
	text     string // of the pointer; empty: fallback is the value
	pointer  pointer
	fallback any // nil: none
}

// newMapping compiles a mapping onto the parameters of its job, in the order of their names.
func newMapping(m map[string]configfile.Mapping, of map[string]configfile.Parameter) (all []mapped) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		p := of[name]
		next := mapped{name: name, kind: p.Type, mayLack: p.Optional || p.Default != nil, text: m[name].Pointer, fallback: m[name].Value}
		if next.text != "" {
			next.pointer, next.fallback = newPointer(next.text), m[name].Default
		}
		all = append(all, next)
	}
	return all
}

// parameters returns the parameters of an event. The error names each that it has no value
// for. The policy checks the values.
func (t *trigger) parameters(e event) (map[string]any, error) {
	var v jobspec.Violations
	parameters := map[string]any{}
	why := sync.OnceValue(func() string { return whyText(e.content) })
	for _, m := range t.mapping {
		value, fault := m.value(e.content)
		switch {
		case fault != "" && m.pointer.inside("data"):
			v.Root().Field("map").Field(m.name).Addf("%s%s", fault, why())
		case fault != "":
			v.Root().Field("map").Field(m.name).Addf("%s", fault)
		case value != nil:
			parameters[m.name] = value
		}
	}
	return parameters, v.ErrAs(runwith.InvalidArgument, cause.Parameters)
}

// value returns a parameter's value; nil is none.
func (m mapped) value(content any) (value any, fault string) {
	if m.text == "" {
		return m.fallback, ""
	}
	found, ok := m.pointer.in(content)
	switch {
	case ok:
		if value, fault = converted(found, m.kind); fault != "" {
			fault = "the event's value at " + m.text + " " + fault
		}
		return value, fault
	case m.fallback == nil && !m.mayLack:
		return nil, "the event has nothing at " + m.text + ", and there is no default"
	}
	return m.fallback, ""
}

// converted returns a value of an event as a parameter's type. Events have numbers as text
// (the size of an object, every attribute), and numbers where a job takes text. The fault
// does not repeat the value.
func converted(value any, kind string) (any, string) {
	text, fault := textOf(value)
	switch {
	case fault != "":
		return nil, fault
	case kind == "string":
		return text, ""
	case kind == "boolean":
		if text == "true" || text == "false" {
			return text == "true", ""
		}
		return nil, "is not true or false"
	case !configfile.IsNumber(text):
		return nil, "is not a number"
	}
	return json.Number(text), ""
}

// textOf returns text, a number as it is written, or a boolean, as text.
func textOf(value any) (text, fault string) {
	switch v := value.(type) {
	case string:
		return v, ""
	case json.Number:
		return string(v), ""
	case bool:
		return strconv.FormatBool(v), ""
	case nil:
		return "", "is nothing"
	}
	return "", "is an object or a list, and must be text, a number, true or false"
}
