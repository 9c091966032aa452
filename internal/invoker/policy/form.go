package policy

import (
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/principal"
)

// Describe adds to a job what a caller must know to start it: the name that callers use, the
// parameters, the overrides that it allows, and what this caller may do.
func (p *Policy) Describe(who principal.Principal, name string, shown runwith.Job) runwith.Job {
	shown.Name, shown.Verbs = name, p.Verbs(who, name)
	if !p.Configured() {
		return shown
	}
	j := p.jobs[name]
	shown.Title, shown.Description = j.spec.Title, j.spec.Description
	shown.Parameters = map[string]runwith.Parameter{}
	for n, p := range j.parameters {
		shown.Parameters[n] = p.shown()
	}
	allow := j.spec.Allow
	shown.Overrides = &runwith.AllowedOverrides{Args: allow.Args, Env: allow.Env, MaxTasks: allow.MaxTasks}
	if allow.MaxTimeout > 0 {
		shown.Overrides.MaxTimeout = time.Duration(allow.MaxTimeout).String()
	}
	return shown
}

// shown returns the parameter as callers see it.
func (p *parameter) shown() runwith.Parameter {
	s := p.spec
	shown := runwith.Parameter{
		Type: s.Type, Title: s.Title, Description: s.Description, Required: p.required(),
		Default: s.Default, Enum: s.Enum, Pattern: s.Pattern, Format: s.Format,
		Minimum: s.Minimum, Maximum: s.Maximum, ExclusiveMinimum: s.ExclusiveMinimum, ExclusiveMaximum: s.ExclusiveMaximum,
		MultipleOf: s.MultipleOf,
	}
	if s.Type == "string" {
		shown.MinLength, shown.MaxLength = s.MinLength, &p.longest
	}
	return shown
}
