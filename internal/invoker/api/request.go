package api

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith"
)

// runRequest is the body that starts a job. What runwith.Overrides marshals to
// is one.
type runRequest struct {
	Args       []string                    `json:"args,omitzero" doc:"Replace the arguments of a job with one container; an empty list empties them, leaving args out keeps them." example:"[\"arg-1\",\"arg-2\"]"`
	Env        map[string]string           `json:"env,omitempty" doc:"Merged into the environment of a job with one container, by name."`
	Containers []runwith.ContainerOverride `json:"containers,omitempty" doc:"Overrides by container, for a job with several."`
	TaskCount  int                         `json:"taskCount,omitempty" minimum:"1" maximum:"10000" doc:"Replaces the number of tasks." example:"1"`
	Timeout    string                      `json:"timeout,omitempty" doc:"Replaces the longest time of one attempt of a task: whole seconds, as in 10s, 600s or 1h30m." example:"10s"`
}

// Resolve adds to huma's checks what a schema cannot say.
func (r *runRequest) Resolve(_ huma.Context, at *huma.PathBuffer) []error {
	if r.Timeout == "" {
		return nil
	}
	d, err := time.ParseDuration(r.Timeout)
	if err != nil || d <= 0 || d%time.Second != 0 {
		return []error{&huma.ErrorDetail{
			Location: at.With("timeout"),
			Message:  "must be a positive time in whole seconds, such as 10s, 600s or 1h30m",
		}}
	}
	return nil
}

// overrides returns what the request asks for. A nil request, an empty body,
// asks for nothing.
func (r *runRequest) overrides() runwith.Overrides {
	if r == nil {
		return runwith.Overrides{}
	}
	timeout, _ := time.ParseDuration(r.Timeout) // Resolve has checked it; "" is 0
	return runwith.Overrides{
		Args:       r.Args,
		Env:        r.Env,
		Containers: r.Containers,
		TaskCount:  r.TaskCount,
		Timeout:    timeout,
	}
}
