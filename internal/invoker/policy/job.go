package policy

import (
	"maps"
	"slices"
	"strings"

	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/suggest"
)

// job is a compiled job.
type job struct {
	name       string
	spec       configfile.Job
	parameters map[string]*parameter
	args       []template // nil keeps the job's arguments
	env        map[string]template
	labels     map[string]template
	key        template // of the concurrency key; nil is the job alone
}

// compiler compiles one job, and notes its mistakes.
type compiler struct {
	*configfile.Checker
	*job
	used map[string]bool // parameters
}

func compile(check *configfile.Checker, name string, spec configfile.Job) *job {
	c := compiler{check, &job{name: name, spec: spec, parameters: map[string]*parameter{}, env: map[string]template{}, labels: map[string]template{}}, map[string]bool{}}
	at := configfile.Path("jobs").Field(name)
	for _, n := range slices.Sorted(maps.Keys(spec.Parameters)) {
		c.parameters[n] = compileParameter(check, at.Field("parameters").Field(n), spec.Parameters[n])
	}
	if spec.Args != nil {
		c.args = []template{}
	}
	for i, text := range spec.Args {
		c.args = append(c.args, c.template(at.Field("args").Index(i), text))
	}
	for _, n := range slices.Sorted(maps.Keys(spec.Env)) {
		c.variable(at.Field("env").Field(n), n)
		c.env[n] = c.template(at.Field("env").Field(n), spec.Env[n])
	}
	for _, n := range slices.Sorted(maps.Keys(spec.Labels)) {
		c.labels[n] = c.template(at.Field("labels").Field(n), spec.Labels[n])
	}
	if spec.Concurrency != nil {
		c.key = c.template(at.Field("concurrency").Field("key"), spec.Concurrency.Key)
	}
	c.checkAllow(at.Field("allow"))
	c.checkUse(at.Field("parameters"))
	c.checkChoices(at)
	return c.job
}

// template compiles a text, and notes the parameters that it uses.
func (c compiler) template(at configfile.Path, text string) template {
	t, err := parseTemplate(text)
	if err != nil {
		c.Addf(at, "%v", err)
	}
	for _, p := range t {
		if p.parameter == "" {
			continue
		}
		c.used[p.parameter] = true
		if c.parameters[p.parameter] == nil {
			hint := ""
			if near := suggest.Nearest(p.parameter, slices.Sorted(maps.Keys(c.parameters))); near != "" {
				hint = ", did you mean " + near + "?"
			}
			c.Addf(at, "{%s} is not a parameter of the job%s", p.parameter, hint)
		}
	}
	return t
}

// variable refuses names that neither the file nor a request may set.
func (c compiler) variable(at configfile.Path, name string) {
	if reserved(name) {
		c.Addf(at, "%s is reserved: runwith or Cloud Run sets it", name)
	}
}

// checkAllow checks what a request may override directly.
func (c compiler) checkAllow(at configfile.Path) {
	if c.spec.Allow.Args && c.args != nil {
		c.Addf(at.Field("args"), "a request's args would replace those of the job's args above: leave out one of them")
	}
	for i, name := range c.spec.Allow.Env {
		c.variable(at.Field("env").Index(i), name)
		if _, mapped := c.env[name]; mapped {
			c.Addf(at.Field("env").Index(i), "%s is set by the job's env: leave out one of them", name)
		}
	}
}

// checkUse notes parameters that have no effect.
func (c compiler) checkUse(at configfile.Path) {
	for _, name := range slices.Sorted(maps.Keys(c.parameters)) {
		if !c.used[name] {
			c.Addf(at.Field(name), "has no effect: use {%s} in args, env, labels or concurrency.key, or delete it", name)
		}
	}
}

// checkChoices notes defaults and enums with values that a request could never use, because
// an argument would begin with a hyphen.
func (c compiler) checkChoices(at configfile.Path) {
	for _, t := range c.args {
		if len(t) == 0 || t[0].parameter == "" || c.parameters[t[0].parameter] == nil {
			continue
		}
		for _, choice := range c.parameters[t[0].parameter].choices() {
			if strings.HasPrefix(choice, "-") {
				c.Addf(at.Field("parameters").Field(t[0].parameter),
					"has a value that begins with -, and an argument that begins with {%s}: it would be an option. Write the option out, as in --name={%s}", t[0].parameter, t[0].parameter)
				break
			}
		}
	}
}
