package knative

import (
	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// Container is a container of a task. v2's further fields (dependencies, base image,
// source code) are annotations of the template.
// https://cloud.google.com/run/docs/reference/rest/v1/Container
type Container struct {
	Name           string               `json:"name,omitempty"`
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
	// SandboxLauncher lets the container launch the task's sandboxes.
	SandboxLauncher *bool `json:"sandboxLauncher,omitempty"`

	EnvFrom                  refused `json:"envFrom,omitzero" refused:"is not supported by Cloud Run, set env"`
	SecurityContext          refused `json:"securityContext,omitzero" refused:"is not supported by Cloud Run"`
	ImagePullPolicy          ignored `json:"imagePullPolicy,omitzero" ignored:"an image is pulled as the server's --pull says"`
	TerminationMessagePath   ignored `json:"terminationMessagePath,omitzero" ignored:"nothing shows the message"`
	TerminationMessagePolicy ignored `json:"terminationMessagePolicy,omitzero" ignored:"nothing shows the message"`
}

// ResourceRequirements are the limits of a container.
type ResourceRequirements struct {
	Limits map[string]string `json:"limits,omitempty"`

	Requests ignored `json:"requests,omitzero" ignored:"a container gets its limits"`
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

	ReadOnly ignored `json:"readOnly,omitzero" ignored:"the volume decides"`
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

			SandboxLauncher: c.SandboxLauncher,
		}
		for _, port := range c.GetPorts() {
			container.Ports = append(container.Ports, ContainerPort{Name: port.GetName(), ContainerPort: port.GetContainerPort()})
		}
		container.VolumeMounts = fromMounts(c.GetVolumeMounts())
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
			Resources:      c.Resources.v2(),
			WorkingDir:     c.WorkingDir,
			StartupProbe:   c.StartupProbe.v2(at.Field("startupProbe")),
			LivenessProbe:  c.LivenessProbe.v2(at.Field("livenessProbe")),
			ReadinessProbe: c.ReadinessProbe.v2(at.Field("readinessProbe")),

			SandboxLauncher: c.SandboxLauncher,
		}
		for _, port := range c.Ports {
			container.Ports = append(container.Ports, &runpb.ContainerPort{Name: port.Name, ContainerPort: port.ContainerPort})
		}
		container.VolumeMounts = toMounts(c.VolumeMounts)
		all = append(all, container)
	}
	return all
}

func fromMounts(mounts []*runpb.VolumeMount) []VolumeMount {
	var all []VolumeMount
	for _, m := range mounts {
		all = append(all, VolumeMount{Name: m.GetName(), MountPath: m.GetMountPath(), SubPath: m.GetSubPath()})
	}
	return all
}

func toMounts(mounts []VolumeMount) []*runpb.VolumeMount {
	var all []*runpb.VolumeMount
	for _, m := range mounts {
		all = append(all, &runpb.VolumeMount{Name: m.Name, MountPath: m.MountPath, SubPath: m.SubPath})
	}
	return all
}

func (r ResourceRequirements) v2() *runpb.ResourceRequirements {
	if len(r.Limits) == 0 {
		return nil
	}
	return &runpb.ResourceRequirements{Limits: r.Limits}
}
