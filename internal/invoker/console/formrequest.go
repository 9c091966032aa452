package console

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
)

// maxTasks is the largest number of tasks.
const maxTasks = 10_000

// request returns the request that the form asks for, and notes what cannot be read. Hidden values
// are masked in it.
func (f *form) request() runwith.Request {
	q := runwith.Request{Labels: f.Labels.pairs(f), StartAt: f.startAt()}
	for _, p := range f.Parameters {
		value, sent := p.value()
		if !sent {
			continue
		}
		if q.Parameters == nil {
			q.Parameters = map[string]any{}
		}
		q.Parameters[p.Name] = value
	}
	q.Overrides = f.overrides()
	if f.Callback != "" {
		q.Callback = &runwith.Callback{URL: f.Callback}
	}
	return q
}

func (f *form) overrides() (o runwith.Overrides) {
	for i := range f.Containers {
		c := &f.Containers[i]
		args, _ := c.args()
		env := c.Env.pairs(f)
		switch {
		case c.Name == "":
			o.Args, o.Env = args, env
		case args != nil || env != nil:
			o.Containers = append(o.Containers, runwith.ContainerOverride{Name: c.Name, Args: args, Env: env})
		}
	}
	var err error
	if f.Tasks != "" {
		if o.TaskCount, err = strconv.Atoi(f.Tasks); err != nil || o.TaskCount < 1 || o.TaskCount > maxTasks {
			f.fault("tasks", "must be a whole number from 1 to %s", count(maxTasks))
			o.TaskCount = 0
		}
	}
	if f.Timeout != "" {
		if o.Timeout, err = time.ParseDuration(f.Timeout); err != nil || o.Timeout <= 0 || o.Timeout%time.Second != 0 {
			f.fault("timeout", "must be a time in whole seconds, such as 90s or 1h30m")
			o.Timeout = 0
		}
	}
	return o
}

// localTimes are how browsers write local times.
var localTimes = []string{"2006-01-02T15:04", "2006-01-02T15:04:05"} //nolint:gochecknoglobals // never written

// startAt returns the time of the start in UTC; zero is now.
func (f *form) startAt() time.Time {
	if f.StartAt == "" {
		return time.Time{}
	}
	zone, err := time.LoadLocation(f.Zone)
	if err != nil || f.Zone == "Local" {
		f.fault("zone", "is no time zone: use a name such as Europe/Berlin, or UTC")
		return time.Time{}
	}
	for _, layout := range localTimes {
		at, err := time.ParseInLocation(layout, f.StartAt, zone)
		if err == nil && at.Format(layout) == f.StartAt {
			return at.UTC()
		}
		if err == nil {
			f.fault("start-at", "this time does not exist in %s, because clocks are put forward", f.Zone)
			return time.Time{}
		}
	}
	f.fault("start-at", "must be a date and a time, such as 2026-12-01T02:00")
	return time.Time{}
}

// rerun returns the request that runs an invocation again. It keeps values that are hidden if
// none of them was changed. If some were, it notes those that must be entered too: the job could
// otherwise show them.
func (f *form) rerun(q runwith.Request, key string) invoker.Rerun {
	before := *f.Origin.Request
	r := invoker.Rerun{ID: f.Origin.ID, Key: key, Whole: true, Changes: q}
	if !f.Hides() {
		return r
	}
	r.KeepValues = sameValues(before, q)
	if r.KeepValues {
		r.Changes.Parameters = nil
		r.Changes.Overrides.Args, r.Changes.Overrides.Env, r.Changes.Overrides.Containers = nil, nil, nil
	} else {
		f.faultHidden()
	}
	if before.Callback != nil && f.Callback == before.Callback.URL {
		r.KeepCallback, r.Changes.Callback = true, nil
	}
	return r
}

// sameValues reports whether two requests have the same parameters, arguments and variables.
func sameValues(a, b runwith.Request) bool {
	x, y := a.Overrides, b.Overrides
	return maps.Equal(a.Parameters, b.Parameters) && sameArgs(x.Args, y.Args) && maps.Equal(x.Env, y.Env) &&
		slices.EqualFunc(x.Containers, y.Containers, func(c, d runwith.ContainerOverride) bool {
			return c.Name == d.Name && sameArgs(c.Args, d.Args) && maps.Equal(c.Env, d.Env)
		})
}

// sameArgs tells no arguments from the job's own.
func sameArgs(a, b []string) bool { return (a == nil) == (b == nil) && slices.Equal(a, b) }

// faultHidden notes the fields whose values are still hidden.
func (f *form) faultHidden() {
	const text = "is hidden from you: enter it too, or leave all hidden values as they are"
	for _, p := range f.Parameters {
		if p.Hidden && p.Value == masked {
			f.fault(p.ID(), text)
		}
	}
	for _, c := range f.Containers {
		for _, list := range []rows{c.Args, c.Env} {
			for i, one := range list.all {
				if one.Value == masked && (!list.plain || c.Replace) {
					f.fault(list.id(i), text)
				}
			}
		}
	}
}
