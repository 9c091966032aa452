package policy

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/jobspec"
)

// reserved reports whether a variable belongs to runwith or to Cloud Run.
func reserved(name string) bool {
	return strings.HasPrefix(strings.ToUpper(name), "RUNWITH_") || name == "TRACEPARENT" || jobspec.IsReservedEnv(name)
}

// checkOverrides refuses overrides that the job does not allow, each by its name.
func (j *job) checkOverrides(o runwith.Overrides) error {
	var v jobspec.Violations
	root, allow := v.Root(), j.spec.Allow
	j.checkContainer(root, o.Args, o.Env)
	for i, c := range o.Containers {
		j.checkContainer(root.Field("containers").Index(i), c.Args, c.Env)
	}
	switch {
	case o.TaskCount == 0:
	case allow.MaxTasks == 0:
		root.Field("taskCount").Addf("%s", j.forbids())
	case o.TaskCount > allow.MaxTasks:
		root.Field("taskCount").Addf("is more than job %s allows, which is %d", j.name, allow.MaxTasks)
	}
	switch most := time.Duration(allow.MaxTimeout); {
	case o.Timeout == 0:
	case most == 0:
		root.Field("timeout").Addf("%s", j.forbids())
	case o.Timeout > most:
		root.Field("timeout").Addf("is longer than job %s allows, which is %v", j.name, most)
	}
	return v.ErrAs(runwith.PermissionDenied, nil)
}

func (j *job) checkContainer(at jobspec.Place, args []string, env map[string]string) {
	if args != nil && !j.spec.Allow.Args {
		at.Field("args").Addf("%s", j.forbids())
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if !slices.Contains(j.spec.Allow.Env, name) {
			at.Field("env").Field(printable(name)).Addf("%s", j.forbids())
		}
	}
}

func (j *job) forbids() string {
	return "must not be overridden: the configuration of job " + j.name + " does not allow it"
}

// overrides returns the overrides to send to Cloud Run.
func (j *job) overrides(asked runwith.Overrides, values map[string]string) (runwith.Overrides, error) {
	var v jobspec.Violations
	o := asked
	if j.args != nil {
		o.Args = []string{}
	}
	for _, t := range j.args {
		text, given := t.fill(values)
		if !given {
			continue
		}
		if first := t.first(values); first != "" && strings.HasPrefix(text, "-") {
			v.Root().Field("parameters").Field(first).Addf("must not begin with -, because it would be an option")
		}
		o.Args = append(o.Args, text)
	}
	if len(j.env) > 0 {
		o.Env = maps.Clone(asked.Env)
		if o.Env == nil {
			o.Env = map[string]string{}
		}
	}
	for name, t := range j.env {
		if text, given := t.fill(values); given {
			o.Env[name] = text
		}
	}
	return o, v.ErrAs(runwith.InvalidArgument, cause.Parameters)
}
