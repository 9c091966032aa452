package runwith

import (
	"encoding/json"
	"time"
)

// Overrides are what one invocation changes of its job. The job itself never
// changes. The zero value overrides nothing.
//
// See https://cloud.google.com/run/docs/execute/jobs#override-job-configuration.
type Overrides struct {
	// Args replace the arguments of a job with one container. Nil keeps the
	// job's, an empty slice that is not nil empties them.
	Args []string
	// Env is merged into the environment of a job with one container, by name.
	Env map[string]string
	// Containers override by container name, for a job with several.
	Containers []ContainerOverride
	// TaskCount replaces the number of tasks; 0 keeps the job's.
	TaskCount int
	// Timeout replaces the longest time of one attempt of a task; 0 keeps the
	// job's. Cloud Run counts in whole seconds.
	Timeout time.Duration
}

// ContainerOverride overrides one container of a job with several.
type ContainerOverride struct {
	Name string            `json:"name" doc:"Name of the container in the job."`
	Args []string          `json:"args,omitzero" doc:"Replace the container's arguments; an empty list empties them, leaving args out keeps them."`
	Env  map[string]string `json:"env,omitempty" doc:"Merged into the container's environment by name."`
}

// MarshalJSON writes the body of the invoker's run request.
func (o Overrides) MarshalJSON() ([]byte, error) {
	body := struct {
		Args       []string            `json:"args,omitzero"`
		Env        map[string]string   `json:"env,omitempty"`
		Containers []ContainerOverride `json:"containers,omitempty"`
		TaskCount  int                 `json:"taskCount,omitempty"`
		Timeout    string              `json:"timeout,omitempty"`
	}{Args: o.Args, Env: o.Env, Containers: o.Containers, TaskCount: o.TaskCount}
	if o.Timeout != 0 {
		body.Timeout = o.Timeout.String()
	}
	return json.Marshal(body)
}
