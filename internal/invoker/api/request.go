package api

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith"
)

// runRequest is the body that starts a job. A marshaled runwith.Overrides is one.
type runRequest struct {
	Args       []string                    `json:"args,omitzero" doc:"Replaces the arguments of a job with one container. An empty list removes them; without args they stay." example:"[\"arg-1\",\"arg-2\"]"`
	Env        map[string]string           `json:"env,omitempty" doc:"Merged into the environment of a job with one container, by name."`
	Containers []runwith.ContainerOverride `json:"containers,omitempty" doc:"Overrides by container, for a job with several."`
	TaskCount  int                         `json:"taskCount,omitempty" minimum:"1" maximum:"10000" doc:"Replaces the number of tasks." example:"1"`
	Timeout    string                      `json:"timeout,omitempty" doc:"Replaces the timeout of each attempt of a task, in whole seconds: 10s, 600s or 1h30m." example:"10s"`
}

// Resolve checks what a schema cannot express.
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

// overrides returns the requested overrides. A nil request stands for an empty body, which
// overrides nothing.
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
