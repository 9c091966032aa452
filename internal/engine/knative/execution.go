package knative

import (
	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// Execution is an execution of v1. Callers never send one.
// https://cloud.google.com/run/docs/reference/rest/v1/namespaces.executions#Execution
type Execution struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Metadata   ObjectMeta      `json:"metadata"`
	Spec       ExecutionSpec   `json:"spec"`
	Status     ExecutionStatus `json:"status"`
}

// ExecutionSpec is the specification of an execution.
type ExecutionSpec struct {
	// Parallelism is unlimited if 0 or unset, which only the template of a job can be.
	Parallelism *int32           `json:"parallelism,omitempty"`
	TaskCount   int32            `json:"taskCount,omitempty"`
	Template    TaskTemplateSpec `json:"template"`
	// DelayExecution allows a start within 12 hours. An execution does not have it.
	DelayExecution *bool `json:"delayExecution,omitempty"`
}

// TaskTemplateSpec is the template of tasks.
type TaskTemplateSpec struct {
	Spec TaskSpec `json:"spec"`
}

// ExecutionStatus is the status of an execution.
type ExecutionStatus struct {
	ObservedGeneration int32       `json:"observedGeneration,omitempty"`
	Conditions         []Condition `json:"conditions,omitempty"` // Completed, the decisive one, comes first
	StartTime          string      `json:"startTime,omitempty"`
	CompletionTime     string      `json:"completionTime,omitempty"`
	RunningCount       int32       `json:"runningCount,omitempty"`
	SucceededCount     int32       `json:"succeededCount,omitempty"`
	FailedCount        int32       `json:"failedCount,omitempty"`
	CancelledCount     int32       `json:"cancelledCount,omitempty"`
	RetriedCount       int32       `json:"retriedCount,omitempty"`
	LogURI             string      `json:"logUri,omitempty"`
}

// FromExecution translates an execution from v2. namespace is the project's ID or number.
func FromExecution(x *runpb.Execution, namespace string) *Execution {
	name, _ := jobspec.ParseExecution(x.GetName()) // a stored execution has a valid name
	spec, annotations := fromTaskTemplate(x.GetTemplate(), x.GetAnnotations())
	putAll(annotations, map[string]string{
		creatorAnnotation: x.GetCreator(),
		launchAnnotation:  launchStageText(x.GetLaunchStage()),
	})
	return &Execution{
		APIVersion: APIVersion,
		Kind:       KindExecution,
		Metadata: ObjectMeta{
			Name:              name.Execution,
			Namespace:         namespace,
			ResourceVersion:   x.GetEtag(),
			Labels:            ExecutionLabels(x),
			Annotations:       annotations,
			SelfLink:          selfLink(namespace, "executions", name.Execution),
			UID:               x.GetUid(),
			Generation:        int32(x.GetGeneration()),
			CreationTimestamp: timeText(x.GetCreateTime()),
			DeletionTimestamp: timeText(x.GetDeleteTime()),
		},
		Spec: ExecutionSpec{
			Parallelism: new(x.GetParallelism()),
			TaskCount:   x.GetTaskCount(),
			Template:    TaskTemplateSpec{spec},
		},
		Status: ExecutionStatus{
			ObservedGeneration: int32(x.GetObservedGeneration()),
			Conditions:         fromConditions(x.GetConditions()),
			StartTime:          timeText(x.GetStartTime()),
			CompletionTime:     timeText(x.GetCompletionTime()),
			RunningCount:       x.GetRunningCount(),
			SucceededCount:     x.GetSucceededCount(),
			FailedCount:        x.GetFailedCount(),
			CancelledCount:     x.GetCancelledCount(),
			RetriedCount:       x.GetRetriedCount(),
			LogURI:             x.GetLogUri(),
		},
	}
}

// ExecutionLabels returns the labels of an execution in v1, for showing and selecting it.
func ExecutionLabels(x *runpb.Execution) map[string]string {
	name, _ := jobspec.ParseExecution(x.GetName())
	labels := copied(x.GetLabels())
	putAll(labels, map[string]string{
		locationLabel:    name.Job.Region,
		jobLabel:         x.GetJob(),
		updatedLabel:     timeText(x.GetUpdateTime()),
		satisfiesPzLabel: truth(x.GetSatisfiesPzs()),
	})
	if x.GetReconciling() {
		labels[servingLabel] = servingActive
	}
	return labels
}

// V2 translates the execution to v2 at a location. The error names all violations.
func (x *Execution) V2(at jobspec.Location) (*runpb.Execution, error) {
	var f jobspec.Violations
	p := f.Root()
	checkType(p, x.APIVersion, x.Kind, KindExecution)
	meta, status := x.Metadata, x.Status
	job := jobspec.JobName{Location: at, Job: meta.Labels[jobLabel]}
	open := openState(status.StartTime)
	execution := &runpb.Execution{
		Name:               job.Execution(meta.Name).String(),
		Uid:                meta.UID,
		Etag:               meta.ResourceVersion,
		Creator:            meta.Annotations[creatorAnnotation],
		Generation:         int64(meta.Generation),
		Labels:             userLabels(p.Field("metadata").Field("labels"), meta.Labels),
		CreateTime:         timestamp(meta.CreationTimestamp),
		DeleteTime:         timestamp(meta.DeletionTimestamp),
		UpdateTime:         timestamp(meta.Labels[updatedLabel]),
		SatisfiesPzs:       meta.Labels[satisfiesPzLabel] == "true",
		LaunchStage:        launchStage(p.Field("metadata").Field("annotations").Key(launchAnnotation), meta.Annotations[launchAnnotation]),
		Job:                job.Job,
		TaskCount:          x.Spec.TaskCount,
		Reconciling:        meta.Labels[servingLabel] == servingActive,
		ObservedGeneration: int64(status.ObservedGeneration),
		Conditions:         toConditions(status.Conditions, open),
		StartTime:          timestamp(status.StartTime),
		CompletionTime:     timestamp(status.CompletionTime),
		RunningCount:       status.RunningCount,
		SucceededCount:     status.SucceededCount,
		FailedCount:        status.FailedCount,
		CancelledCount:     status.CancelledCount,
		RetriedCount:       status.RetriedCount,
		LogUri:             status.LogURI,
	}
	if x.Spec.Parallelism != nil {
		execution.Parallelism = *x.Spec.Parallelism
	}
	ofTemplate := copied(meta.Annotations)
	delete(ofTemplate, launchAnnotation)
	execution.Template, execution.Annotations = x.Spec.Template.Spec.v2(taskPlaces{
		spec:        p.Field("spec").Field("template").Field("spec"),
		annotations: p.Field("metadata").Field("annotations"),
	}, ofTemplate)
	return execution, f.Err()
}

// openState returns the v2 state for v1's status Unknown.
func openState(started string) runpb.Condition_State {
	if started == "" {
		return runpb.Condition_CONDITION_PENDING
	}
	return runpb.Condition_CONDITION_RECONCILING
}
