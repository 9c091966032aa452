package kube

import (
	"slices"
	"time"
)

// Phases of a Pod.
const (
	PodPending   = "Pending"
	PodRunning   = "Running"
	PodSucceeded = "Succeeded"
	PodFailed    = "Failed"
)

// PodStatus is what became of a Pod, as the cluster reports it.
type PodStatus struct {
	Phase                 string            `json:"phase,omitempty"`
	Reason                string            `json:"reason,omitempty"`
	Message               string            `json:"message,omitempty"`
	StartTime             time.Time         `json:"startTime,omitzero"`
	Conditions            []Condition       `json:"conditions,omitempty"`
	InitContainerStatuses []ContainerStatus `json:"initContainerStatuses,omitempty"`
	ContainerStatuses     []ContainerStatus `json:"containerStatuses,omitempty"`
}

// Condition is one condition of a Pod. Status is True, False or Unknown.
type Condition struct {
	Type               string    `json:"type"`
	Status             string    `json:"status"`
	LastTransitionTime time.Time `json:"lastTransitionTime,omitzero"`
	Reason             string    `json:"reason,omitempty"`
	Message            string    `json:"message,omitempty"`
}

// Condition returns a condition by its type; ok is false if there is none.
func (s *PodStatus) Condition(kind string) (c Condition, ok bool) {
	i := slices.IndexFunc(s.Conditions, func(c Condition) bool { return c.Type == kind })
	if i < 0 {
		return c, false
	}
	return s.Conditions[i], true
}

// ContainerStatus is what became of a container.
type ContainerStatus struct {
	Name         string         `json:"name"`
	State        ContainerState `json:"state,omitzero"`
	LastState    ContainerState `json:"lastState,omitzero"`
	Started      *bool          `json:"started,omitempty"` // its startup probe has succeeded
	RestartCount int32          `json:"restartCount,omitempty"`
	ContainerID  string         `json:"containerID,omitempty"`
	ImageID      string         `json:"imageID,omitempty"`
}

// ContainerState is a container's state: at most one field is set. None means waiting.
type ContainerState struct {
	Waiting    *Waiting    `json:"waiting,omitempty"`
	Running    *Running    `json:"running,omitempty"`
	Terminated *Terminated `json:"terminated,omitempty"`
}

// Waiting is the state of a container that does not run yet.
type Waiting struct {
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
}

// Running is the state of a container that runs.
type Running struct {
	StartedAt time.Time `json:"startedAt,omitzero"`
}

// Terminated is the state of a container that has ended.
type Terminated struct {
	ExitCode   int       `json:"exitCode"`
	Signal     int       `json:"signal,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	Message    string    `json:"message,omitempty"`
	StartedAt  time.Time `json:"startedAt,omitzero"`
	FinishedAt time.Time `json:"finishedAt,omitzero"`
}

// Container returns the status of a container by its name, or nil.
func (s *PodStatus) Container(name string) *ContainerStatus {
	for _, all := range [][]ContainerStatus{s.ContainerStatuses, s.InitContainerStatuses} {
		for i := range all {
			if all[i].Name == name {
				return &all[i]
			}
		}
	}
	return nil
}
