package policy

import (
	"maps"
	"slices"
	"strconv"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/suggest"
)

// noParameters refuses parameters of jobs without a configuration.
func noParameters(parameters map[string]any) error {
	var v jobspec.Violations
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		v.Root().Field("parameters").Field(name).Addf("is unknown: this server has no configuration that defines parameters")
	}
	return v.ErrAs(runwith.InvalidArgument, cause.Parameters)
}

// values returns the parameters of a request as text, with defaults. An optional one without
// a value is missing.
func (j *job) values(given map[string]any) (map[string]string, error) {
	var v jobspec.Violations
	at := v.Root().Field("parameters")
	values := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(j.parameters)) {
		p := j.parameters[name]
		value, sent := given[name]
		if !sent {
			if p.fallback != nil {
				values[name] = *p.fallback
			} else if p.required() {
				at.Field(name).Addf("is required%s", described(p.spec.Description))
			}
			continue
		}
		text, fault := p.text(value)
		if fault != "" {
			at.Field(name).Addf("%s", fault)
		}
		values[name] = text
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if j.parameters[name] == nil {
			at.Field(printable(name)).Addf("%s", suggest.Unknown(name, "this job's parameters", slices.Sorted(maps.Keys(j.parameters))))
		}
	}
	return values, v.ErrAs(runwith.InvalidArgument, cause.Parameters)
}

// printable returns a name that a caller sent in a form that an answer may repeat.
func printable(name string) string {
	if quoted := jobspec.Quote(name); quoted != strconv.Quote(name) || quoted[1:len(quoted)-1] != name {
		return quoted
	}
	return name
}

func described(description string) string {
	if description == "" {
		return ""
	}
	return ": " + description
}
