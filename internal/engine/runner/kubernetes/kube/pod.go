package kube

import "time"

// Meta is what every object has: ObjectMeta.
type Meta struct {
	Name                       string            `json:"name,omitempty"`
	Namespace                  string            `json:"namespace,omitempty"`
	UID                        string            `json:"uid,omitempty"`
	ResourceVersion            string            `json:"resourceVersion,omitempty"`
	CreationTimestamp          time.Time         `json:"creationTimestamp,omitzero"`
	DeletionTimestamp          time.Time         `json:"deletionTimestamp,omitzero"`
	DeletionGracePeriodSeconds *int64            `json:"deletionGracePeriodSeconds,omitempty"`
	Labels                     map[string]string `json:"labels,omitempty"`
	Annotations                map[string]string `json:"annotations,omitempty"`
	Finalizers                 []string          `json:"finalizers,omitempty"`
}

// Pod is a Pod: containers that run together on one node.
type Pod struct {
	APIVersion string    `json:"apiVersion,omitempty"`
	Kind       string    `json:"kind,omitempty"`
	Metadata   Meta      `json:"metadata"`
	Spec       PodSpec   `json:"spec"`
	Status     PodStatus `json:"status,omitzero"`
}

// PodSpec says what a Pod runs.
type PodSpec struct {
	NodeName                      string              `json:"nodeName,omitempty"`
	RestartPolicy                 string              `json:"restartPolicy,omitempty"`
	ServiceAccountName            string              `json:"serviceAccountName,omitempty"`
	AutomountServiceAccountToken  *bool               `json:"automountServiceAccountToken,omitempty"`
	EnableServiceLinks            *bool               `json:"enableServiceLinks,omitempty"`
	ActiveDeadlineSeconds         *int64              `json:"activeDeadlineSeconds,omitempty"`
	TerminationGracePeriodSeconds *int64              `json:"terminationGracePeriodSeconds,omitempty"`
	SchedulingGates               []SchedulingGate    `json:"schedulingGates,omitempty"`
	NodeSelector                  map[string]string   `json:"nodeSelector,omitempty"`
	SecurityContext               *PodSecurityContext `json:"securityContext,omitempty"`
	InitContainers                []Container         `json:"initContainers,omitempty"`
	Containers                    []Container         `json:"containers"`
	Volumes                       []Volume            `json:"volumes,omitempty"`
}

// SchedulingGate keeps a Pod from being scheduled until it is removed.
type SchedulingGate struct {
	Name string `json:"name"`
}

// PodSecurityContext holds for every container of a Pod.
type PodSecurityContext struct {
	SeccompProfile *SeccompProfile `json:"seccompProfile,omitempty"`
}

// SecurityContext holds for one container.
type SecurityContext struct {
	AllowPrivilegeEscalation *bool           `json:"allowPrivilegeEscalation,omitempty"`
	SeccompProfile           *SeccompProfile `json:"seccompProfile,omitempty"`
}

// SeccompProfile limits system calls.
type SeccompProfile struct {
	Type string `json:"type"`
}

// Container is one container of a Pod. An init container whose RestartPolicy is Always is a
// sidecar: it starts before the main container and ends after it.
type Container struct {
	Name            string           `json:"name"`
	Image           string           `json:"image,omitempty"`
	ImagePullPolicy string           `json:"imagePullPolicy,omitempty"`
	RestartPolicy   string           `json:"restartPolicy,omitempty"`
	Command         []string         `json:"command,omitempty"`
	Args            []string         `json:"args,omitempty"`
	WorkingDir      string           `json:"workingDir,omitempty"`
	Ports           []ContainerPort  `json:"ports,omitempty"`
	Env             []EnvVar         `json:"env,omitempty"`
	Resources       Resources        `json:"resources,omitzero"`
	VolumeMounts    []VolumeMount    `json:"volumeMounts,omitempty"`
	StartupProbe    *Probe           `json:"startupProbe,omitempty"`
	LivenessProbe   *Probe           `json:"livenessProbe,omitempty"`
	ReadinessProbe  *Probe           `json:"readinessProbe,omitempty"`
	SecurityContext *SecurityContext `json:"securityContext,omitempty"`
}

// ContainerPort is a port that a container listens on.
type ContainerPort struct {
	Name          string `json:"name,omitempty"`
	ContainerPort int32  `json:"containerPort"`
}

// EnvVar is a variable of a container's environment.
type EnvVar struct {
	Name      string        `json:"name"`
	Value     string        `json:"value,omitempty"`
	ValueFrom *EnvVarSource `json:"valueFrom,omitempty"`
}

// EnvVarSource is where the value of a variable comes from.
type EnvVarSource struct {
	SecretKeyRef *SecretKey `json:"secretKeyRef,omitempty"`
}

// SecretKey is one key of a Secret.
type SecretKey struct {
	Name     string `json:"name"`
	Key      string `json:"key"`
	Optional *bool  `json:"optional,omitempty"`
}

// Resources are quantities by resource, such as "500m" of cpu and "512Mi" of memory.
type Resources struct {
	Limits   map[string]string `json:"limits,omitempty"`
	Requests map[string]string `json:"requests,omitempty"`
}

// VolumeMount mounts a volume of the Pod in a container.
type VolumeMount struct {
	Name      string `json:"name"`
	MountPath string `json:"mountPath"`
	SubPath   string `json:"subPath,omitempty"`
	ReadOnly  bool   `json:"readOnly,omitempty"`
}

// Volume is a volume of a Pod: one of its fields is set.
type Volume struct {
	Name                  string        `json:"name"`
	EmptyDir              *EmptyDir     `json:"emptyDir,omitempty"`
	Secret                *SecretVolume `json:"secret,omitempty"`
	NFS                   *NFS          `json:"nfs,omitempty"`
	PersistentVolumeClaim *Claim        `json:"persistentVolumeClaim,omitempty"`
}

// EmptyDir is a folder that lives as long as its Pod.
type EmptyDir struct {
	Medium    string `json:"medium,omitempty"`
	SizeLimit string `json:"sizeLimit,omitempty"`
}

// SecretVolume has keys of a Secret as files.
type SecretVolume struct {
	SecretName  string    `json:"secretName"`
	Items       []KeyPath `json:"items,omitempty"`
	DefaultMode *int32    `json:"defaultMode,omitempty"`
}

// KeyPath names the file of a key.
type KeyPath struct {
	Key  string `json:"key"`
	Path string `json:"path"`
	Mode *int32 `json:"mode,omitempty"`
}

// NFS is a folder of an NFS server.
type NFS struct {
	Server   string `json:"server"`
	Path     string `json:"path"`
	ReadOnly bool   `json:"readOnly,omitempty"`
}

// Claim is a PersistentVolumeClaim in the Pod's namespace.
type Claim struct {
	ClaimName string `json:"claimName"`
	ReadOnly  bool   `json:"readOnly,omitempty"`
}

// Probe asks a container whether it works. Numbers that are 0 have the API's defaults.
type Probe struct {
	HTTPGet             *HTTPGet   `json:"httpGet,omitempty"`
	TCPSocket           *TCPSocket `json:"tcpSocket,omitempty"`
	GRPC                *GRPCCheck `json:"grpc,omitempty"`
	InitialDelaySeconds int32      `json:"initialDelaySeconds,omitempty"`
	TimeoutSeconds      int32      `json:"timeoutSeconds,omitempty"`
	PeriodSeconds       int32      `json:"periodSeconds,omitempty"`
	FailureThreshold    int32      `json:"failureThreshold,omitempty"`
}

// HTTPGet asks by a GET request.
type HTTPGet struct {
	Path        string       `json:"path,omitempty"`
	Port        int32        `json:"port"`
	HTTPHeaders []HTTPHeader `json:"httpHeaders,omitempty"`
}

// HTTPHeader is a header of that request.
type HTTPHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// TCPSocket asks by opening a connection.
type TCPSocket struct {
	Port int32 `json:"port"`
}

// GRPCCheck asks the gRPC health service.
type GRPCCheck struct {
	Port    int32  `json:"port"`
	Service string `json:"service,omitempty"`
}
