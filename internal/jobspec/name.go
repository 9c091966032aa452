package jobspec

import (
	"strconv"
	"strings"

	"github.com/runwith/runwith"
)

// Wildcard means every job, or every execution, in the parent of a list request.
const Wildcard = "-"

// The forms of the names, for parsing and for errors. Even segments are collections,
// odd ones are placeholders for IDs.
const (
	locationForm  = "projects/PROJECT/locations/REGION"
	jobForm       = locationForm + "/jobs/JOB"
	executionForm = jobForm + "/executions/EXECUTION"
	taskForm      = executionForm + "/tasks/TASK"
	operationForm = locationForm + "/operations/OPERATION"
)

// Location is a project and a region, which together own jobs and operations.
//
// A project's ID and its number count as different projects. Only the wire maps the
// number of the engine's own project to its ID.
type Location struct {
	Project string // ID or number
	Region  string
}

// String returns projects/PROJECT/locations/REGION.
func (l Location) String() string {
	return "projects/" + l.Project + "/locations/" + l.Region
}

// ExecutionsNamed returns all possible names of an execution with this ID at the
// location. The ID is the job's ID, a hyphen and a suffix, and both parts may contain
// hyphens, so several splits are possible. For an invalid ID it returns none.
func (l Location) ExecutionsNamed(id string) []ExecutionName {
	if !isName(id, maxExecutionID) {
		return nil
	}
	var names []ExecutionName
	for i := range len(id) {
		if job := id[:i]; id[i] == '-' && isName(job, maxLabel) {
			names = append(names, JobName{l, job}.Execution(id))
		}
	}
	return names
}

// CutTask splits the ID of a task into the execution's ID and the index.
func CutTask(id string) (execution string, index int, ok bool) {
	end := strings.LastIndex(id, "-task")
	if end < 0 {
		return "", 0, false
	}
	if index, ok = parseIndex(id[end+len("-task"):]); !ok {
		return "", 0, false
	}
	return id[:end], index, true
}

// JobName is the name of a job, or with [Wildcard] of all jobs of a location.
type JobName struct {
	Location
	Job string
}

// String returns projects/PROJECT/locations/REGION/jobs/JOB.
func (n JobName) String() string { return n.Location.String() + "/jobs/" + n.Job }

// Execution returns the name of the job's execution with the given ID.
func (n JobName) Execution(id string) ExecutionName {
	return ExecutionName{Job: n, Execution: id}
}

// ExecutionName is the name of an execution, or with [Wildcard] in either place of all
// executions of a job or of a location.
type ExecutionName struct {
	Job       JobName
	Execution string
}

// String returns projects/PROJECT/locations/REGION/jobs/JOB/executions/EXECUTION.
func (n ExecutionName) String() string {
	return n.Job.String() + "/executions/" + n.Execution
}

// Task returns the name of the execution's task with the given index, from 0.
func (n ExecutionName) Task(index int) TaskName {
	return TaskName{Execution: n, Index: index}
}

// TaskName is the name of a task.
type TaskName struct {
	Execution ExecutionName
	Index     int // from 0
}

// ID returns the last part of the name: the execution's ID, "-task" and the index.
func (n TaskName) ID() string {
	return n.Execution.Execution + "-task" + strconv.Itoa(n.Index)
}

// String returns projects/PROJECT/locations/REGION/jobs/JOB/executions/EXECUTION/tasks/EXECUTION-taskN.
func (n TaskName) String() string { return n.Execution.String() + "/tasks/" + n.ID() }

// OperationName is the name of a long-running operation.
type OperationName struct {
	Location
	Operation string
}

// String returns projects/PROJECT/locations/REGION/operations/OPERATION.
func (n OperationName) String() string {
	return n.Location.String() + "/operations/" + n.Operation
}

// ParseLocation parses a result of [Location.String].
func ParseLocation(name string) (Location, error) {
	p := parse(name, locationForm)
	l := p.location()
	return result(p, l)
}

// ParseJob parses a result of [JobName.String]. It refuses the wildcard.
func ParseJob(name string) (JobName, error) {
	p := parse(name, jobForm)
	n := p.job(false)
	return result(p, n)
}

// ParseJobWildcard is like [ParseJob], but also accepts "-" as the job's ID.
func ParseJobWildcard(name string) (JobName, error) {
	p := parse(name, jobForm)
	n := p.job(true)
	return result(p, n)
}

// ParseExecution parses a result of [ExecutionName.String]. It refuses the wildcard.
func ParseExecution(name string) (ExecutionName, error) {
	p := parse(name, executionForm)
	n := p.execution(false)
	return result(p, n)
}

// ParseExecutionWildcard is like [ParseExecution], but also accepts "-" as the ID of the
// job and of the execution.
func ParseExecutionWildcard(name string) (ExecutionName, error) {
	p := parse(name, executionForm)
	n := p.execution(true)
	return result(p, n)
}

// ParseTask parses a result of [TaskName.String].
func ParseTask(name string) (TaskName, error) {
	p := parse(name, taskForm)
	n := p.task()
	return result(p, n)
}

// ParseOperation parses a result of [OperationName.String].
func ParseOperation(name string) (OperationName, error) {
	p := parse(name, operationForm)
	n := p.operation()
	return result(p, n)
}

// ValidateJobID checks the ID of a new job: at most 63 lower-case letters, digits and
// hyphens, beginning with a letter and not ending with a hyphen.
func ValidateJobID(id string) error {
	if id == "" {
		return FieldErrorf(runwith.InvalidArgument, "job_id", "%s", required)
	}
	if !isName(id, maxLabel) {
		return FieldErrorf(runwith.InvalidArgument, "job_id", "%s, not %s", nameRule(maxLabel), Quote(id))
	}
	return nil
}

// nameRule describes the names that isName accepts.
func nameRule(limit int) string {
	return "must be at most " + strconv.Itoa(limit) +
		" lower-case letters, digits and hyphens, begin with a letter and not end with a hyphen"
}

// collections returns the collections in a form.
func collections(form string) []string {
	segments := strings.Split(form, "/")
	names := make([]string, 0, len(segments)/2)
	for i := 0; i < len(segments); i += 2 {
		names = append(names, segments[i])
	}
	return names
}
