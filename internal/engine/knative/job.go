package knative

import (
	"strconv"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/genproto/googleapis/api"

	"github.com/runwith/runwith/internal/jobspec"
)

// Job is a job of v1.
// https://cloud.google.com/run/docs/reference/rest/v1/namespaces.jobs#Job
type Job struct {
	APIVersion string     `json:"apiVersion"`
	Kind       string     `json:"kind"`
	Metadata   ObjectMeta `json:"metadata"`
	Spec       JobSpec    `json:"spec"`
	Status     JobStatus  `json:"status"` // set by the server; ignored on input
}

// JobSpec is the specification of a job.
type JobSpec struct {
	Template            ExecutionTemplateSpec `json:"template"`
	StartExecutionToken string                `json:"startExecutionToken,omitempty"`
	RunExecutionToken   string                `json:"runExecutionToken,omitempty"`
}

// ExecutionTemplateSpec is the template of executions. Answers always contain its
// metadata, because gcloud fails without it.
type ExecutionTemplateSpec struct {
	Metadata TemplateMeta  `json:"metadata"`
	Spec     ExecutionSpec `json:"spec"`
}

// JobStatus is the status of a job.
type JobStatus struct {
	ObservedGeneration     int32               `json:"observedGeneration,omitempty"`
	Conditions             []Condition         `json:"conditions,omitempty"` // Ready, the decisive one, comes first
	ExecutionCount         int32               `json:"executionCount"`
	LatestCreatedExecution *ExecutionReference `json:"latestCreatedExecution,omitempty"`
}

// ExecutionReference describes the newest execution.
type ExecutionReference struct {
	Name                string `json:"name,omitempty"`
	CreationTimestamp   string `json:"creationTimestamp,omitempty"`
	CompletionTimestamp string `json:"completionTimestamp,omitempty"`
	DeletionTimestamp   string `json:"deletionTimestamp,omitempty"`
	CompletionStatus    Enum   `json:"completionStatus,omitempty"`
}

// FromJob translates a job from v2. namespace is the project's ID or number.
func FromJob(job *runpb.Job, namespace string) *Job {
	name, _ := jobspec.ParseJob(job.GetName()) // a stored job has a valid name
	meta := ObjectMeta{
		Name:              name.Job,
		Namespace:         namespace,
		ResourceVersion:   job.GetEtag(),
		Labels:            JobLabels(job),
		Annotations:       copied(job.GetAnnotations()),
		SelfLink:          selfLink(namespace, "jobs", name.Job),
		UID:               job.GetUid(),
		Generation:        int32(job.GetGeneration()),
		CreationTimestamp: timeText(job.GetCreateTime()),
		DeletionTimestamp: timeText(job.GetDeleteTime()),
	}
	putAll(meta.Annotations, map[string]string{
		creatorAnnotation:  job.GetCreator(),
		modifierAnnotation: job.GetLastModifier(),
	})
	jobAnnotations.show(job, meta.Annotations)
	template := job.GetTemplate()
	spec, annotations := fromTaskTemplate(template.GetTemplate(), template.GetAnnotations())
	return &Job{
		APIVersion: APIVersion,
		Kind:       KindJob,
		Metadata:   meta,
		Spec: JobSpec{
			Template: ExecutionTemplateSpec{
				Metadata: TemplateMeta{Labels: copied(template.GetLabels()), Annotations: annotations},
				Spec: ExecutionSpec{
					Parallelism: unlessZero(template.GetParallelism()),
					TaskCount:   template.GetTaskCount(),
					Template:    TaskTemplateSpec{spec},

					DelayExecution: template.DelayExecution,
				},
			},
			StartExecutionToken: job.GetStartExecutionToken(),
			RunExecutionToken:   job.GetRunExecutionToken(),
		},
		Status: fromJobStatus(job),
	}
}

func fromJobStatus(job *runpb.Job) JobStatus {
	var conditions []*runpb.Condition
	if ready := job.GetTerminalCondition(); ready.GetType() != "" { // a new job has none at first
		conditions = append(conditions, ready)
	}
	return JobStatus{
		ObservedGeneration:     int32(job.GetObservedGeneration()),
		Conditions:             fromConditions(append(conditions, job.GetConditions()...)),
		ExecutionCount:         job.GetExecutionCount(),
		LatestCreatedExecution: fromReference(job.GetLatestCreatedExecution()),
	}
}

// fromReference leaves out the empty reference of a job that never ran, because gcloud
// would show it as an execution None. v2 has it.
func fromReference(x *runpb.ExecutionReference) *ExecutionReference {
	if x.GetName() == "" {
		return nil
	}
	return &ExecutionReference{
		Name:                lastID(x.GetName()),
		CreationTimestamp:   timeText(x.GetCreateTime()),
		CompletionTimestamp: timeText(x.GetCompletionTime()),
		DeletionTimestamp:   timeText(x.GetDeleteTime()),
		CompletionStatus:    Enum(enumName(x.GetCompletionStatus())),
	}
}

// unlessZero returns a pointer to a number, or nil for 0.
func unlessZero(n int32) *int32 {
	if n == 0 {
		return nil
	}
	return &n
}

// V2 translates the job to v2 at a location. The error names all violations. V2 also
// translates fields that only the server sets, as far as possible; the caller must clear
// them.
func (j *Job) V2(at jobspec.Location) (*runpb.Job, error) {
	var f jobspec.Violations
	p := f.Root()
	checkType(p, j.APIVersion, j.Kind, KindJob)
	name := jobspec.JobName{Location: at, Job: j.Metadata.Name}
	job := &runpb.Job{
		Name:                   name.String(),
		Etag:                   j.Metadata.ResourceVersion,
		Uid:                    j.Metadata.UID,
		Generation:             int64(j.Metadata.Generation),
		CreateTime:             timestamp(j.Metadata.CreationTimestamp),
		DeleteTime:             timestamp(j.Metadata.DeletionTimestamp),
		UpdateTime:             timestamp(j.Metadata.Labels[updatedLabel]),
		SatisfiesPzs:           j.Metadata.Labels[satisfiesPzLabel] == "true",
		Creator:                j.Metadata.Annotations[creatorAnnotation],
		LaunchStage:            api.LaunchStage_GA, // unless the annotation sets another
		LastModifier:           j.Metadata.Annotations[modifierAnnotation],
		Labels:                 userLabels(p.Field("metadata").Field("labels"), j.Metadata.Labels),
		ObservedGeneration:     int64(j.Status.ObservedGeneration),
		ExecutionCount:         j.Status.ExecutionCount,
		LatestCreatedExecution: j.Status.LatestCreatedExecution.v2(name),
		Template:               j.Spec.Template.v2(p.Field("spec").Field("template")),
	}
	job.Annotations = jobAnnotations.read(p.Field("metadata").Field("annotations"), j.Metadata.Annotations, job)
	expandConnector(job.GetTemplate().GetTemplate(), at)
	j.setToken(p.Field("spec"), job)
	j.Status.setConditions(job)
	return job, f.Err()
}

// checkType refuses an object of another API or kind.
func (j *Job) checkType() error {
	var f jobspec.Violations
	checkType(f.Root(), j.APIVersion, j.Kind, KindJob)
	return f.Err()
}

func (j *Job) setToken(p jobspec.Place, job *runpb.Job) {
	start, run := j.Spec.StartExecutionToken, j.Spec.RunExecutionToken
	switch {
	case start != "" && run != "":
		p.Field("runExecutionToken").Addf("cannot be set together with startExecutionToken")
	case start != "":
		job.CreateExecution = &runpb.Job_StartExecutionToken{StartExecutionToken: start}
	case run != "":
		job.CreateExecution = &runpb.Job_RunExecutionToken{RunExecutionToken: run}
	}
}

// setConditions translates the conditions to v2. Ready is v2's terminal condition.
func (s JobStatus) setConditions(job *runpb.Job) {
	for _, c := range toConditions(s.Conditions, runpb.Condition_CONDITION_RECONCILING) {
		if c.GetType() == readyCondition && job.GetTerminalCondition() == nil {
			job.TerminalCondition = c
			job.Reconciling = c.GetState() == runpb.Condition_CONDITION_RECONCILING
			continue
		}
		job.Conditions = append(job.Conditions, c)
	}
}

// readyCondition is the decisive condition of a job.
const readyCondition = "Ready"

func (x *ExecutionReference) v2(job jobspec.JobName) *runpb.ExecutionReference {
	if x == nil || *x == (ExecutionReference{}) { // gcloud sends an empty one
		return nil
	}
	status := runpb.ExecutionReference_CompletionStatus_value[string(x.CompletionStatus)]
	return &runpb.ExecutionReference{
		Name:             job.Execution(x.Name).String(),
		CreateTime:       timestamp(x.CreationTimestamp),
		CompletionTime:   timestamp(x.CompletionTimestamp),
		DeleteTime:       timestamp(x.DeletionTimestamp),
		CompletionStatus: runpb.ExecutionReference_CompletionStatus(status),
	}
}

func (t *ExecutionTemplateSpec) v2(p jobspec.Place) *runpb.ExecutionTemplate {
	template := &runpb.ExecutionTemplate{
		Labels:    userLabels(p.Field("metadata").Field("labels"), t.Metadata.Labels),
		TaskCount: t.Spec.TaskCount,

		DelayExecution: t.Spec.DelayExecution,
	}
	if t.Spec.Parallelism != nil {
		template.Parallelism = *t.Spec.Parallelism
	}
	template.Template, template.Annotations = t.Spec.Template.Spec.v2(taskPlaces{
		spec:        p.Field("spec").Field("template").Field("spec"),
		annotations: p.Field("metadata").Field("annotations"),
	}, t.Metadata.Annotations)
	return template
}

// NumberEnums makes the job's JSON contain enum values as numbers.
func (j *Job) NumberEnums() {
	if x := j.Status.LatestCreatedExecution; x != nil {
		x.CompletionStatus = Enum(strconv.Itoa(int(runpb.ExecutionReference_CompletionStatus_value[string(x.CompletionStatus)])))
	}
}
