package api

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith"
)

// OverrideFields are the fields of runwith.Overrides without its methods. It is exported
// because huma ignores embedded fields that are not.
type OverrideFields runwith.Overrides

// runRequest is the body that starts a job. A marshaled runwith.Overrides is one. Its own
// Timeout hides that of the embedded fields, so huma describes and checks a text.
type runRequest struct {
	OverrideFields
	Timeout string `json:"timeout,omitempty" doc:"Replaces the timeout of each attempt of a task, in whole seconds: 10s, 600s or 1h30m." example:"10s"`
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
	o := runwith.Overrides(r.OverrideFields)
	o.Timeout, _ = time.ParseDuration(r.Timeout) // Resolve has checked it; "" is 0
	return o
}
