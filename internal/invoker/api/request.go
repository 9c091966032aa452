package api

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith"
)

// OverrideFields are the fields of runwith.Overrides without its methods. It is exported
// because huma ignores embedded fields that are not.
type OverrideFields runwith.Overrides

// startRequest is the body that starts a job. A marshaled runwith.Request is one, and the
// document describes such a request by this type. Its own Timeout hides that of the embedded
// fields, so huma describes and checks a text.
type startRequest struct {
	Parameters parameterValues `json:"parameters,omitempty" doc:"Values of the job's parameters, by name. GET /api/v1/jobs/{job} describes them."`
	OverrideFields
	Timeout  string            `json:"timeout,omitempty" doc:"Replaces the timeout of each attempt of a task, in whole seconds: 10s, 600s or 1h30m." example:"10s"`
	Labels   map[string]string `json:"labels,omitempty" maxProperties:"16" doc:"Help to find the invocation again. A name has at most 63 lower-case letters, digits and _ . -, and begins with a letter; a value has at most 128 characters." example:"{\"tenant\":\"acme\"}"`
	Callback *runwith.Callback `json:"callback,omitempty" doc:"Asks for the events of this invocation."`
	StartAt  time.Time         `json:"startAt,omitzero" doc:"Earliest time of the start, at most 30 days ahead. A time that has passed means at once." example:"2026-12-01T02:00:00Z"`
}

// parameterValues are the values of parameters, by name: strings, booleans and json.Number.
type parameterValues map[string]any

// Schema implements [huma.SchemaProvider].
func (parameterValues) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeObject,
		AdditionalProperties: &huma.Schema{AnyOf: []*huma.Schema{
			{Type: huma.TypeString}, {Type: huma.TypeNumber}, {Type: huma.TypeBoolean},
		}},
		Examples: []any{map[string]any{"tenant": "acme"}},
	}
}

// UnmarshalJSON keeps numbers as they were sent, so that none loses digits.
func (v *parameterValues) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode((*map[string]any)(v))
}

// Resolve checks what a schema cannot express.
func (r *startRequest) Resolve(_ huma.Context, at *huma.PathBuffer) []error {
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

// request returns what the caller asks for. A nil request stands for an empty body, which
// starts the job as it is.
func (r *startRequest) request() runwith.Request {
	if r == nil {
		return runwith.Request{}
	}
	asked := runwith.Request{
		Parameters: r.Parameters, Labels: r.Labels, Callback: r.Callback,
		StartAt:   r.StartAt.UTC(), // the same time in another zone is the same request
		Overrides: runwith.Overrides(r.OverrideFields),
	}
	asked.Overrides.Timeout, _ = time.ParseDuration(r.Timeout) // Resolve has checked it; "" is 0
	return asked
}
