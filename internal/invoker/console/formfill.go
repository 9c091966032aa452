package console

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/runwith/runwith"
)

// again fills the form with the request of the invocation that it runs again. The time of the
// start is not carried over.
func (f *form) again() {
	q := *f.Origin.Request
	for i := range f.Parameters {
		p := &f.Parameters[i]
		value, sent := q.Parameters[p.Name]
		if p.Hidden = f.Hides(); p.Hidden {
			p.Value = "" // also the default: the earlier request may have had another value
		}
		if sent {
			p.set(textOf(value))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(q.Parameters)) {
		if f.parameter(name) == nil {
			f.addUnknown(name, textOf(q.Parameters[name]))
		}
	}
	f.setOverrides(q.Overrides)
	f.Labels.set(q.Labels)
	if q.Callback != nil {
		f.Callback = q.Callback.URL
	}
}

// setOverrides fills the overrides. A container that the job has not any more has no fields.
func (f *form) setOverrides(o runwith.Overrides) {
	if o.Args != nil || len(o.Env) > 0 {
		f.Containers[0].set(o.Args, o.Env)
	}
	for _, c := range o.Containers {
		if fields := f.container(c.Name); fields != nil {
			fields.set(c.Args, c.Env)
			continue
		}
		f.note("The earlier request has overrides for container %s, which the job has not any more: they are left out.", brief(c.Name))
	}
	if o.TaskCount > 0 {
		f.Tasks = textOf(o.TaskCount)
	}
	if o.Timeout > 0 {
		f.Timeout = o.Timeout.String()
	}
}

// linked fills the form with the values of a link. Their names are those of the command line.
func (f *form) linked(query url.Values) {
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !f.link(name, query[name]) {
			f.note("The link has %s, which this form does not know: it has no effect.", brief(name))
		}
	}
}

// link fills in what a link has under one name, and reports whether it knows the name.
func (f *form) link(name string, values []string) bool {
	name, container, _ := strings.Cut(name, ".")
	c := f.container(container)
	switch {
	case name == "job" || name == "rerun" || name == "done":
	case name == "param":
		f.linkParameters(values)
	case name == "args" && c != nil:
		c.Replace = true
		c.setArgs(values)
	case name == "env" && c != nil:
		c.Env.set(pairsOf(values))
	case name == "label":
		f.Labels.set(pairsOf(values))
	case name == "tasks":
		f.Tasks = values[0]
	case name == "task-timeout":
		f.Timeout = values[0]
	case name == "callback":
		f.Callback = values[0]
	default:
		return false
	}
	return true
}

func (f *form) linkParameters(values []string) {
	for name, value := range pairsOf(values) {
		if p := f.parameter(name); p != nil {
			p.set(value)
			continue
		}
		f.addUnknown(name, value)
	}
}

// pairsOf reads values such as NAME=VALUE.
func pairsOf(values []string) map[string]string {
	all := map[string]string{}
	for _, one := range values {
		name, value, _ := strings.Cut(one, "=")
		all[name] = value
	}
	return all
}
