package access

import (
	"maps"
	"slices"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/callback"
	"github.com/runwith/runwith/internal/invoker/policy"
)

// masked stands for a value that the caller may not see.
const masked = "***"

// shown returns an invocation as the caller may see it. It does not change i.
func (r reader) shown(i runwith.Invocation) runwith.Invocation {
	if r.has(i.Job, policy.Values) {
		return i
	}
	if i.Request != nil {
		i.Request = maskRequest(*i.Request)
	}
	if i.Error != nil && i.Error.Stderr != nil {
		failure := *i.Error
		failure.Stderr = nil
		i.Error = &failure
	}
	if w := i.Waiting; w != nil && w.For == runwith.HoldSlot { // the key may have values of parameters
		i.Waiting = &runwith.Waiting{For: w.For, Next: w.Next, Message: "waits for a slot of its concurrency key"}
	}
	return i
}

// maskRequest returns a request with the names of its values alone. Arguments have no names,
// so only their number remains.
func maskRequest(q runwith.Request) *runwith.Request {
	q.Parameters = maps.Clone(q.Parameters)
	for name := range q.Parameters {
		q.Parameters[name] = masked
	}
	if q.Callback != nil {
		q.Callback = &runwith.Callback{URL: callback.ShownURL(q.Callback.URL)}
	}
	q.Overrides.Args, q.Overrides.Env = maskArgs(q.Overrides.Args), maskEnv(q.Overrides.Env)
	q.Overrides.Containers = slices.Clone(q.Overrides.Containers)
	for i, c := range q.Overrides.Containers {
		q.Overrides.Containers[i].Args, q.Overrides.Containers[i].Env = maskArgs(c.Args), maskEnv(c.Env)
	}
	return &q
}

// maskArgs keeps the difference between nil and empty: the job's arguments, and none.
func maskArgs(args []string) []string {
	args = slices.Clone(args)
	for i := range args {
		args[i] = masked
	}
	return args
}

func maskEnv(env map[string]string) map[string]string {
	env = maps.Clone(env)
	for name := range env {
		env[name] = masked
	}
	return env
}
