package runwith

import (
	"encoding/json"
	"time"
)

// Overrides change a job's settings for one invocation. The job itself does not
// change. The zero value overrides nothing.
//
// See https://cloud.google.com/run/docs/execute/jobs#override-job-configuration.
type Overrides struct {
	// Args replace the arguments of a job with one container. Nil keeps the job's
	// arguments; a non-nil empty slice removes them.
	Args []string
	// Env is merged by name into the environment of a job with one container.
	Env map[string]string
	// Containers override the containers of a job with several, by name.
	Containers []ContainerOverride
	// TaskCount replaces the number of tasks; 0 keeps the job's.
	TaskCount int
	// Timeout replaces the timeout of each attempt of a task; 0 keeps the job's. Cloud
	// Run accepts whole seconds only.
	Timeout time.Duration
}

// ContainerOverride overrides one container of a job with several.
type ContainerOverride struct {
	Name string            `json:"name" doc:"Name of the container in the job."`
	Args []string          `json:"args,omitzero" doc:"Replace the container's arguments. An empty list removes them; without args they stay."`
	Env  map[string]string `json:"env,omitempty" doc:"Merged into the container's environment by name."`
}

// MarshalJSON returns the body of the invoker's request to start a job.
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
