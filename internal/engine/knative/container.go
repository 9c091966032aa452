package knative

import (
	"maps"
	"slices"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// Container is a container of a task. v2's further fields (dependencies, base image,
// source code) are annotations of the template.
// https://cloud.google.com/run/docs/reference/rest/v1/Container
type Container struct {
	Name           string               `json:"name"` // gcloud shows None if it is missing
	Image          string               `json:"image,omitempty"`
	Command        []string             `json:"command,omitempty"`
	Args           []string             `json:"args,omitempty"`
	Env            []EnvVar             `json:"env,omitempty"`
	Resources      ResourceRequirements `json:"resources,omitzero"`
	Ports          []ContainerPort      `json:"ports,omitempty"`
	VolumeMounts   []VolumeMount        `json:"volumeMounts,omitempty"`
	WorkingDir     string               `json:"workingDir,omitempty"`
	StartupProbe   *Probe               `json:"startupProbe,omitempty"`
	LivenessProbe  *Probe               `json:"livenessProbe,omitempty"`
	ReadinessProbe *Probe               `json:"readinessProbe,omitempty"`

	EnvFrom                  refused `json:"envFrom,omitzero" refused:"is not supported by Cloud Run, set env"`
	ImagePullPolicy          refused `json:"imagePullPolicy,omitzero" refused:"has no meaning for Cloud Run, leave it out"`
	SecurityContext          refused `json:"securityContext,omitzero" refused:"is not supported by Cloud Run"`
	TerminationMessagePath   refused `json:"terminationMessagePath,omitzero" refused:"has no meaning for Cloud Run, leave it out"`
	TerminationMessagePolicy refused `json:"terminationMessagePolicy,omitzero" refused:"has no meaning for Cloud Run, leave it out"`
	SandboxLauncher          refused `json:"sandboxLauncher,omitzero" refused:"sandboxes are not supported"`
}

// ResourceRequirements are the limits of a container.
type ResourceRequirements struct {
	Limits map[string]string `json:"limits,omitempty"`
	// Requests must equal the limits or be unset.
	Requests map[string]string `json:"requests,omitempty"`
}

// ContainerPort is a port on which a container listens.
type ContainerPort struct {
	Name          string `json:"name,omitempty"`
	ContainerPort int32  `json:"containerPort,omitempty"`

	Protocol fixed `json:"protocol,omitzero" fixed:"TCP"`
}

// VolumeMount mounts a volume in a container.
type VolumeMount struct {
	Name      string `json:"name,omitempty"`
	MountPath string `json:"mountPath,omitempty"`
	SubPath   string `json:"subPath,omitempty"`

	ReadOnly refused `json:"readOnly,omitzero" refused:"is not used by Cloud Run, set it on the volume"`
}

func fromContainers(containers []*runpb.Container, names *aliases) []Container {
	var all []Container
	for _, c := range containers {
		container := Container{
			Name:           c.GetName(),
			Image:          c.GetImage(),
			Command:        c.GetCommand(),
			Args:           c.GetArgs(),
			Env:            fromEnv(c.GetEnv(), names),
			Resources:      ResourceRequirements{Limits: c.GetResources().GetLimits()},
			WorkingDir:     c.GetWorkingDir(),
			StartupProbe:   fromProbe(c.GetStartupProbe()),
			LivenessProbe:  fromProbe(c.GetLivenessProbe()),
			ReadinessProbe: fromProbe(c.GetReadinessProbe()),
		}
		for _, port := range c.GetPorts() {
			container.Ports = append(container.Ports, ContainerPort{Name: port.GetName(), ContainerPort: port.GetContainerPort()})
		}
		for _, m := range c.GetVolumeMounts() {
			container.VolumeMounts = append(container.VolumeMounts,
				VolumeMount{Name: m.GetName(), MountPath: m.GetMountPath(), SubPath: m.GetSubPath()})
		}
		all = append(all, container)
	}
	return all
}

func toContainers(p jobspec.Place, containers []Container, names *aliases) []*runpb.Container {
	var all []*runpb.Container
	for i, c := range containers {
		at := p.Index(i)
		container := &runpb.Container{
			Name:           c.Name,
			Image:          c.Image,
			Command:        c.Command,
			Args:           c.Args,
			Env:            toEnv(at.Field("env"), c.Env, names),
			Resources:      c.Resources.v2(at.Field("resources")),
			WorkingDir:     c.WorkingDir,
			StartupProbe:   c.StartupProbe.v2(at.Field("startupProbe")),
			LivenessProbe:  c.LivenessProbe.v2(at.Field("livenessProbe")),
			ReadinessProbe: c.ReadinessProbe.v2(at.Field("readinessProbe")),
		}
		for _, port := range c.Ports {
			container.Ports = append(container.Ports, &runpb.ContainerPort{Name: port.Name, ContainerPort: port.ContainerPort})
		}
		for _, m := range c.VolumeMounts {
			container.VolumeMounts = append(container.VolumeMounts,
				&runpb.VolumeMount{Name: m.Name, MountPath: m.MountPath, SubPath: m.SubPath})
		}
		all = append(all, container)
	}
	return all
}

func (r ResourceRequirements) v2(p jobspec.Place) *runpb.ResourceRequirements {
	for _, key := range slices.Sorted(maps.Keys(r.Requests)) {
		if r.Requests[key] != r.Limits[key] {
			p.Field("requests").Key(key).Addf("must equal limits or be left out, because a container gets its limits")
		}
	}
	if len(r.Limits) == 0 {
		return nil
	}
	return &runpb.ResourceRequirements{Limits: r.Limits}
}
