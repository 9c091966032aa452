package knative

import (
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// RunJobRequest requests an execution.
// https://cloud.google.com/run/docs/reference/rest/v1/namespaces.jobs/run
type RunJobRequest struct {
	Overrides *Overrides `json:"overrides,omitempty"`
}

// Overrides change a job's settings for one execution.
type Overrides struct {
	ContainerOverrides []ContainerOverride `json:"containerOverrides,omitempty"`
	TaskCount          int32               `json:"taskCount,omitempty"`      // 0 keeps the job's
	TimeoutSeconds     int32               `json:"timeoutSeconds,omitempty"` // 0 keeps the job's; a number, unlike in a job
	DelayExecution     *bool               `json:"delayExecution,omitempty"`
}

// ContainerOverride changes the settings of one container.
type ContainerOverride struct {
	Name      string   `json:"name,omitempty"`
	Args      []string `json:"args,omitempty"`
	Env       []EnvVar `json:"env,omitempty"`
	ClearArgs bool     `json:"clearArgs,omitempty"`
}

// CancelExecutionRequest requests a cancel.
type CancelExecutionRequest struct{}

// V2 translates the overrides to v2; nil means none. The error names all violations.
func (r *RunJobRequest) V2() (*runpb.RunJobRequest_Overrides, error) {
	if r.Overrides == nil {
		return nil, nil
	}
	var f jobspec.Violations
	p := f.Root().Field("overrides").Field("containerOverrides")
	o := &runpb.RunJobRequest_Overrides{TaskCount: r.Overrides.TaskCount, DelayExecution: r.Overrides.DelayExecution}
	if seconds := r.Overrides.TimeoutSeconds; seconds != 0 {
		o.Timeout = &durationpb.Duration{Seconds: int64(seconds)}
	}
	for i, c := range r.Overrides.ContainerOverrides {
		o.ContainerOverrides = append(o.ContainerOverrides, &runpb.RunJobRequest_Overrides_ContainerOverride{
			Name: c.Name, Args: c.Args, Env: toEnv(p.Index(i).Field("env"), c.Env, &aliases{}), ClearArgs: c.ClearArgs,
		})
	}
	return o, f.Err()
}
