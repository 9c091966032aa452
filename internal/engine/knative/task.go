package knative

import (
	"encoding/json"
	"slices"

	"cloud.google.com/go/run/apiv2/runpb"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"

	"github.com/runwith/runwith/internal/jobspec"
)

// Task is a task of v1. Callers never send one.
// https://cloud.google.com/run/docs/reference/rest/v1/namespaces.tasks#Task
type Task struct {
	APIVersion string     `json:"apiVersion"`
	Kind       string     `json:"kind"`
	Metadata   ObjectMeta `json:"metadata"`
	Spec       TaskSpec   `json:"spec"`
	Status     TaskStatus `json:"status"`
}

// TaskStatus is the status of a task.
type TaskStatus struct {
	ObservedGeneration int32              `json:"observedGeneration,omitempty"`
	Conditions         []Condition        `json:"conditions,omitempty"` // Completed, the decisive one, comes first
	Index              int32              `json:"index"`
	StartTime          string             `json:"startTime,omitempty"`
	CompletionTime     string             `json:"completionTime,omitempty"`
	Retried            int32              `json:"retried,omitempty"`
	LastAttemptResult  *TaskAttemptResult `json:"lastAttemptResult,omitempty"`
	LogURI             string             `json:"logUri,omitempty"`
}

// TaskAttemptResult is the result of an attempt. At most one of exit code and signal is
// set. The status is always present, because gcloud fails without it.
type TaskAttemptResult struct {
	Status     GoogleRPCStatus `json:"status"`
	ExitCode   *int32          `json:"exitCode,omitempty"`
	TermSignal int32           `json:"termSignal,omitempty"`
}

// GoogleRPCStatus is a google.rpc.Status.
type GoogleRPCStatus struct {
	Code    int32             `json:"code,omitempty"`
	Message string            `json:"message,omitempty"`
	Details []json.RawMessage `json:"details,omitempty"`
}

// The states of a task in its label run.googleapis.com/runningState.
// https://cloud.google.com/run/docs/reference/rest/v1/namespaces.tasks/list
const (
	StatePending   = "Pending"
	StateRunning   = "Running"
	StateSucceeded = "Succeeded"
	StateFailed    = "Failed"
	StateCancelled = "Cancelled"
	StateAbandoned = "Abandoned"
)

// FromTask translates a task from v2. namespace is the project's ID or number.
func FromTask(task *runpb.Task, namespace string) *Task {
	id := lastID(task.GetName())
	spec, annotations := fromTaskTemplate(templateOf(task), task.GetAnnotations())
	return &Task{
		APIVersion: APIVersion,
		Kind:       KindTask,
		Metadata: ObjectMeta{
			Name:              id,
			Namespace:         namespace,
			ResourceVersion:   task.GetEtag(),
			Labels:            TaskLabels(task),
			Annotations:       annotations,
			SelfLink:          selfLink(namespace, "tasks", id),
			UID:               task.GetUid(),
			Generation:        int32(task.GetGeneration()),
			CreationTimestamp: timeText(task.GetCreateTime()),
			DeletionTimestamp: timeText(task.GetDeleteTime()),
		},
		Spec: spec,
		Status: TaskStatus{
			ObservedGeneration: int32(task.GetObservedGeneration()),
			Conditions:         fromConditions(task.GetConditions()),
			Index:              task.GetIndex(),
			StartTime:          timeText(task.GetStartTime()),
			CompletionTime:     timeText(task.GetCompletionTime()),
			Retried:            task.GetRetried(),
			LastAttemptResult:  fromAttempt(task.GetLastAttemptResult()),
			LogURI:             task.GetLogUri(),
		},
	}
}

// templateOf returns the template of a task, whose fields v2 includes in the task.
func templateOf(task *runpb.Task) *runpb.TaskTemplate {
	return &runpb.TaskTemplate{
		Containers:                 task.GetContainers(),
		Volumes:                    task.GetVolumes(),
		Retries:                    &runpb.TaskTemplate_MaxRetries{MaxRetries: task.GetMaxRetries()},
		Timeout:                    task.GetTimeout(),
		ServiceAccount:             task.GetServiceAccount(),
		ExecutionEnvironment:       task.GetExecutionEnvironment(),
		EncryptionKey:              task.GetEncryptionKey(),
		VpcAccess:                  task.GetVpcAccess(),
		NodeSelector:               task.GetNodeSelector(),
		GpuZonalRedundancyDisabled: task.GpuZonalRedundancyDisabled,
		Sandboxes:                  task.GetSandboxes(),
	}
}

// TaskLabels returns the labels of a task in v1, for showing and selecting it.
func TaskLabels(task *runpb.Task) map[string]string {
	name, _ := jobspec.ParseTask(task.GetName())
	labels := copied(task.GetLabels())
	putAll(labels, map[string]string{
		locationLabel:    name.Execution.Job.Region,
		jobLabel:         task.GetJob(),
		executionLabel:   task.GetExecution(),
		stateLabel:       runningState(task),
		updatedLabel:     timeText(task.GetUpdateTime()),
		satisfiesPzLabel: truth(task.GetSatisfiesPzs()),
	})
	return labels
}

// runningState returns the state of a task. A task that waits for its next attempt counts
// as running.
func runningState(task *runpb.Task) string {
	started := task.GetStartTime() != nil
	for _, c := range task.GetConditions() {
		if c.GetType() != completedCondition {
			continue
		}
		switch c.GetState() {
		case runpb.Condition_CONDITION_SUCCEEDED:
			return StateSucceeded
		case runpb.Condition_CONDITION_FAILED:
			return endState(c.GetExecutionReason(), started)
		}
	}
	if started {
		return StateRunning
	}
	return StatePending
}

// completedCondition is the decisive condition of an execution or a task.
const completedCondition = "Completed"

// endState returns the state of a task that did not succeed.
func endState(reason runpb.Condition_ExecutionReason, started bool) string {
	stopped := []runpb.Condition_ExecutionReason{runpb.Condition_CANCELLED, runpb.Condition_CANCELLING, runpb.Condition_DELETED}
	switch {
	case !slices.Contains(stopped, reason):
		return StateFailed
	case started:
		return StateCancelled
	}
	return StateAbandoned
}

func fromAttempt(result *runpb.TaskAttemptResult) *TaskAttemptResult {
	if result == nil {
		return nil
	}
	attempt := &TaskAttemptResult{
		Status: GoogleRPCStatus{
			Code:    result.GetStatus().GetCode(),
			Message: result.GetStatus().GetMessage(),
			Details: fromDetails(result.GetStatus().GetDetails()),
		},
		TermSignal: result.GetTermSignal(),
	}
	if attempt.TermSignal == 0 {
		attempt.ExitCode = new(result.GetExitCode())
	}
	return attempt
}

// V2 translates the task to v2 at a location. The error names all violations.
func (t *Task) V2(at jobspec.Location) (*runpb.Task, error) {
	var f jobspec.Violations
	p := f.Root()
	checkType(p, t.APIVersion, t.Kind, KindTask)
	meta, status := t.Metadata, t.Status
	execution := jobspec.JobName{Location: at, Job: meta.Labels[jobLabel]}.Execution(meta.Labels[executionLabel])
	template, annotations := t.Spec.v2(taskPlaces{spec: p.Field("spec"), annotations: p.Field("metadata").Field("annotations")}, meta.Annotations)
	return &runpb.Task{
		Name:                       execution.String() + "/tasks/" + meta.Name,
		Uid:                        meta.UID,
		Etag:                       meta.ResourceVersion,
		Generation:                 int64(meta.Generation),
		Labels:                     userLabels(p.Field("metadata").Field("labels"), meta.Labels),
		Annotations:                annotations,
		CreateTime:                 timestamp(meta.CreationTimestamp),
		DeleteTime:                 timestamp(meta.DeletionTimestamp),
		UpdateTime:                 timestamp(meta.Labels[updatedLabel]),
		SatisfiesPzs:               meta.Labels[satisfiesPzLabel] == "true",
		Job:                        execution.Job.Job,
		Execution:                  execution.Execution,
		Containers:                 template.GetContainers(),
		Volumes:                    template.GetVolumes(),
		MaxRetries:                 template.GetMaxRetries(),
		Timeout:                    template.GetTimeout(),
		ServiceAccount:             template.GetServiceAccount(),
		ExecutionEnvironment:       template.GetExecutionEnvironment(),
		EncryptionKey:              template.GetEncryptionKey(),
		VpcAccess:                  template.GetVpcAccess(),
		NodeSelector:               template.GetNodeSelector(),
		GpuZonalRedundancyDisabled: template.GpuZonalRedundancyDisabled,
		Sandboxes:                  template.GetSandboxes(),
		Reconciling:                meta.Labels[stateLabel] == StatePending || meta.Labels[stateLabel] == StateRunning,
		ObservedGeneration:         int64(status.ObservedGeneration),
		Conditions:                 toConditions(status.Conditions, openState(status.StartTime)),
		Index:                      status.Index,
		ScheduledTime:              timestamp(status.StartTime),
		StartTime:                  timestamp(status.StartTime),
		CompletionTime:             timestamp(status.CompletionTime),
		Retried:                    status.Retried,
		LastAttemptResult:          status.LastAttemptResult.v2(),
		LogUri:                     status.LogURI,
	}, f.Err()
}

func (r *TaskAttemptResult) v2() *runpb.TaskAttemptResult {
	if r == nil {
		return nil
	}
	result := &runpb.TaskAttemptResult{
		Status:     &statuspb.Status{Code: r.Status.Code, Message: r.Status.Message, Details: toDetails(r.Status.Details)},
		TermSignal: r.TermSignal,
	}
	if r.ExitCode != nil {
		result.ExitCode = *r.ExitCode
	}
	return result
}
