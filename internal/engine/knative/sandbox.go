package knative

import (
	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// SandboxConfiguration has the sandboxes that a task can launch.
// https://cloud.google.com/run/docs/reference/rest/v1/TaskSpec
type SandboxConfiguration struct {
	Templates []SandboxTemplate `json:"templates,omitempty"`
}

// SandboxTemplate is the template of one sandbox.
type SandboxTemplate struct {
	Name         string        `json:"name,omitempty"`
	Image        string        `json:"image,omitempty"`
	Command      []string      `json:"command,omitempty"`
	Args         []string      `json:"args,omitempty"`
	Env          []EnvVar      `json:"env,omitempty"`
	VolumeMounts []VolumeMount `json:"volumeMounts,omitempty"`
	WorkingDir   string        `json:"workingDir,omitempty"`
}

func fromSandboxes(s *runpb.SandboxConfiguration, names *aliases) *SandboxConfiguration {
	if s == nil {
		return nil
	}
	shown := &SandboxConfiguration{}
	for _, t := range s.GetTemplates() {
		shown.Templates = append(shown.Templates, SandboxTemplate{
			Name: t.GetName(), Image: t.GetImage(), Command: t.GetCommand(), Args: t.GetArgs(), Env: fromEnv(t.GetEnv(), names),
			VolumeMounts: fromMounts(t.GetVolumeMounts()), WorkingDir: t.GetWorkingDir(),
		})
	}
	return shown
}

func (s *SandboxConfiguration) v2(p jobspec.Place, names *aliases) *runpb.SandboxConfiguration {
	if s == nil {
		return nil
	}
	stored := &runpb.SandboxConfiguration{}
	for i, t := range s.Templates {
		stored.Templates = append(stored.Templates, &runpb.SandboxTemplate{
			Name: t.Name, Image: t.Image, Command: t.Command, Args: t.Args,
			Env:          toEnv(p.Field("templates").Index(i).Field("env"), t.Env, names),
			VolumeMounts: toMounts(t.VolumeMounts), WorkingDir: t.WorkingDir,
		})
	}
	return stored
}
