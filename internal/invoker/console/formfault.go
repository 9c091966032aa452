package console

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/jobspec"
)

// maxFaults is how many faults a form shows. Somebody who corrects them sees the others.
const maxFaults = 100

// fault notes what is wrong with a field, once.
func (f *form) fault(field, format string, args ...any) {
	if len(f.Faults) == maxFaults {
		return
	}
	one := fault{field, fmt.Sprintf(format, args...)}
	if !slices.Contains(f.Faults, one) {
		f.Faults = append(f.Faults, one)
	}
}

// note notes what the form leaves out, although it can be sent.
func (f *form) note(format string, args ...any) {
	if len(f.Notes) < maxFaults {
		f.Notes = append(f.Notes, fmt.Sprintf(format, args...))
	}
}

// FaultsAt returns what is wrong with a field.
func (f *form) FaultsAt(field string) (texts []string) {
	for _, one := range f.Faults {
		if one.Field == field {
			texts = append(texts, one.Text)
		}
	}
	return texts
}

// refused notes the reasons of a refusal at their fields, and the others at no field.
func (f *form) refused(err error) {
	if err == nil {
		return
	}
	violations := jobspec.ViolationsOf(err)
	for _, v := range violations {
		f.fault(f.fieldOf(v.Path), "%s", f.said(v))
	}
	if len(violations) == 0 {
		f.fault("", "%s", apierror.Public(err).Message)
	}
}

// said returns a reason for people. Its field is named if it stands at none.
func (f *form) said(v jobspec.Violation) string {
	name, _ := strings.CutPrefix(v.Path, "parameters.")
	switch p := f.parameter(name); {
	case p != nil && p.Gone:
		return "the job has no such parameter, or not any more: empty the field to start without it"
	case f.fieldOf(v.Path) == "":
		return v.String()
	}
	return v.Text
}

// containerPath matches the place of a container's override.
var containerPath = regexp.MustCompile(`^containers\[(\d+)\]\.(.*)$`)

// fieldOf returns the ID of the field for a path in a request; empty means that there is none.
func (f *form) fieldOf(path string) string {
	if field, is := map[string]string{"taskCount": "tasks", "timeout": "timeout", "startAt": "start-at", "callback.url": "callback"}[path]; is {
		return field
	}
	if name, is := strings.CutPrefix(path, "parameters."); is {
		if p := f.parameter(name); p != nil {
			return p.ID()
		}
		return ""
	}
	if rest, is := strings.CutPrefix(path, "labels"); is {
		return f.Labels.idOf(rest)
	}
	c := &f.Containers[0]
	if m := containerPath.FindStringSubmatch(path); m != nil {
		n, _ := strconv.Atoi(m[1]) // it is digits
		if c = f.sent(n); c == nil {
			return ""
		}
		path = m[2]
	}
	return c.fieldOf(path)
}

// sent returns the fields of a container that is in the request, by its index there.
func (f *form) sent(n int) *containerFields {
	for i := range f.Containers {
		c := &f.Containers[i]
		if !c.Replace && !c.Env.filled() {
			continue
		}
		if n--; n < 0 {
			return c
		}
	}
	return nil
}

// fieldOf returns the ID of the field for a path in the override of a container.
func (c *containerFields) fieldOf(path string) string {
	if rest, is := strings.CutPrefix(path, "env"); is {
		return c.Env.idOf(rest)
	}
	rest, is := strings.CutPrefix(path, "args")
	if !is {
		return ""
	}
	n, err := strconv.Atoi(strings.Trim(rest, "[]"))
	if _, at := c.args(); err == nil && n < len(at) {
		return c.Args.id(at[n])
	}
	return c.At() + ".replace"
}

// idOf returns the ID of the row for the end of a path: .NAME, or ["NAME"]. What is about the whole
// list is about its first row.
func (r *rows) idOf(end string) string {
	name, is := strings.CutPrefix(end, ".")
	if !is {
		name, _ = strconv.Unquote(strings.TrimSuffix(strings.TrimPrefix(end, "["), "]"))
	}
	return r.id(max(0, r.find(name)))
}

// keyReused reports whether a request was refused because its key stands for another one.
func keyReused(err error) bool { return errors.Is(err, cause.KeyReused) }
