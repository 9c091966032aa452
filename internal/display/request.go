package display

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/runwith/runwith"
)

// request adds a section with what a caller asked for beside labels, if that is anything.
func (v *view) request(r *runwith.Request) {
	if r == nil || !asksAnything(r) {
		return
	}
	v.Begin("Request")
	for _, name := range slices.Sorted(maps.Keys(r.Parameters)) {
		v.Row("Parameter", fmt.Sprintf("%s=%v", name, r.Parameters[name]))
	}
	v.overridden("", r.Overrides.Args, r.Overrides.Env)
	for _, c := range r.Overrides.Containers {
		v.overridden(c.Name+": ", c.Args, c.Env)
	}
	if n := r.Overrides.TaskCount; n > 0 {
		v.Row("Tasks", strconv.Itoa(n))
	}
	if t := r.Overrides.Timeout; t > 0 {
		v.Row("Timeout", t.String())
	}
	if r.Callback != nil {
		v.Row("Callback", r.Callback.URL)
	}
}

func asksAnything(r *runwith.Request) bool {
	o := r.Overrides
	return len(r.Parameters) > 0 || r.Callback != nil || o.Args != nil || len(o.Env) > 0 || len(o.Containers) > 0 || o.TaskCount > 0 || o.Timeout > 0
}

// overridden adds the overrides of one container.
func (v *view) overridden(container string, args []string, env map[string]string) {
	if args != nil {
		v.Row("Arguments", container+cmp.Or(quoted(args), "none"))
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		v.Row("Environment", container+name+"="+env[name])
	}
}
