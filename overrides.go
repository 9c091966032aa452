package runwith

import (
	"encoding/json"
	"fmt"
	"time"
)

// Overrides change a job's settings for one invocation. The job itself does not
// change. The zero value overrides nothing.
//
// Each of these places must know a new field:
//
//   - this struct, with tags for JSON and documentation: the API, its OpenAPI document and the
//     fingerprint that tells requests apart follow from them;
//   - internal/invoker/overrides.go translates it for Cloud Run;
//   - internal/invoker/policy/override.go refuses it, unless the job's configuration allows it;
//   - internal/invoker/access/mask.go hides its values, and rerun.go beside it finds them;
//   - internal/invoker/rerun.go keeps or replaces it when an invocation runs again;
//   - internal/requestfile/line.go reads it from a file of requests;
//   - cmd/runwith/run.go has a flag for it.
//
// A test of each place but the last changes every field alone, with package overridetest, and
// fails if the place forgets one.
//
// See https://cloud.google.com/run/docs/execute/jobs#override-job-configuration.
type Overrides struct {
	// Args replace the arguments of a job with one container. Nil keeps the job's
	// arguments; a non-nil empty slice removes them.
	Args []string `json:"args,omitzero" doc:"Replaces the arguments of a job with one container. An empty list removes them; without args they stay." example:"[\"arg-1\",\"arg-2\"]"`
	// Env is merged by name into the environment of a job with one container.
	Env map[string]string `json:"env,omitempty" doc:"Merged into the environment of a job with one container, by name."`
	// Containers override the containers of a job with several, by name.
	Containers []ContainerOverride `json:"containers,omitempty" doc:"Overrides by container, for a job with several."`
	// TaskCount replaces the number of tasks; 0 keeps the job's.
	TaskCount int `json:"taskCount,omitempty" minimum:"1" maximum:"10000" doc:"Replaces the number of tasks." example:"1"`
	// Timeout replaces the timeout of each attempt of a task; 0 keeps the job's. Cloud
	// Run accepts whole seconds only. In JSON it is text, such as 1m30s.
	Timeout time.Duration `json:"timeout,omitempty"`
}

// ContainerOverride overrides one container of a job with several.
type ContainerOverride struct {
	Name string            `json:"name" doc:"Name of the container in the job."`
	Args []string          `json:"args,omitzero" doc:"Replace the container's arguments. An empty list removes them; without args they stay."`
	Env  map[string]string `json:"env,omitempty" doc:"Merged into the container's environment by name."`
}

// overrideFields are the fields of Overrides without its methods.
type overrideFields Overrides

// overridesJSON is the JSON of Overrides: all fields, of which the timeout is text.
type overridesJSON struct {
	overrideFields
	Timeout string `json:"timeout,omitempty"`
}

// MarshalJSON returns the body of the invoker's request to start a job.
func (o Overrides) MarshalJSON() ([]byte, error) {
	body := overridesJSON{overrideFields: overrideFields(o)}
	if o.Timeout != 0 {
		body.Timeout = o.Timeout.String()
	}
	return json.Marshal(body)
}

// UnmarshalJSON reads what MarshalJSON returns.
func (o *Overrides) UnmarshalJSON(data []byte) error {
	var body overridesJSON
	if err := json.Unmarshal(data, &body); err != nil {
		return err
	}
	read := Overrides(body.overrideFields)
	if body.Timeout != "" {
		timeout, err := time.ParseDuration(body.Timeout)
		if err != nil {
			return fmt.Errorf("timeout %q: must be a duration such as 90s: %w", body.Timeout, err)
		}
		read.Timeout = timeout
	}
	*o = read
	return nil
}
