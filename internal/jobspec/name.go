package jobspec

import (
	"strconv"
	"strings"

	"github.com/runwith/runwith"
)

// Wildcard stands for every job, or every execution, in the parent of a list
// request.
const Wildcard = "-"

// The forms of the names, as they stand in errors. The even segments are the
// collections, the odd ones stand for IDs.
const (
	locationForm  = "projects/PROJECT/locations/REGION"
	jobForm       = locationForm + "/jobs/JOB"
	executionForm = jobForm + "/executions/EXECUTION"
	taskForm      = executionForm + "/tasks/TASK"
	operationForm = locationForm + "/operations/OPERATION"
)

// Location is a project and a region, which together own jobs and operations.
//
// A project's ID and its number are two projects here: nothing maps one to the other
// but the wire, for the engine's own.
type Location struct {
	Project string // ID or number
	Region  string
}

// String returns projects/PROJECT/locations/REGION.
func (l Location) String() string {
	return "projects/" + l.Project + "/locations/" + l.Region
}

// ExecutionsNamed returns the names that an execution with an ID can have at the
// location: the ID is the job's, a hyphen and what tells the job's executions apart,
// and both may have hyphens. There are none for what is no ID.
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

// CutTask takes the ID of a task apart into its execution's and its index.
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

// JobName names a job, or with [Wildcard] all jobs of a location.
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

// ExecutionName names an execution, or with [Wildcard] in either place all
// executions of a job or of a location.
type ExecutionName struct {
	Job       JobName
	Execution string
}

// String returns projects/PROJECT/locations/REGION/jobs/JOB/executions/EXECUTION.
func (n ExecutionName) String() string {
	return n.Job.String() + "/executions/" + n.Execution
}

// Task returns the name of the execution's task with the given index, which
// counts from 0.
func (n ExecutionName) Task(index int) TaskName {
	return TaskName{Execution: n, Index: index}
}

// TaskName names a task by its execution and its index.
type TaskName struct {
	Execution ExecutionName
	Index     int // from 0
}

// ID returns the last part of the name: the execution's ID and "-task" with the
// index.
func (n TaskName) ID() string {
	return n.Execution.Execution + "-task" + strconv.Itoa(n.Index)
}

// String returns projects/PROJECT/locations/REGION/jobs/JOB/executions/EXECUTION/tasks/EXECUTION-taskN.
func (n TaskName) String() string { return n.Execution.String() + "/tasks/" + n.ID() }

// OperationName names a long-running operation.
type OperationName struct {
	Location
	Operation string
}

// String returns projects/PROJECT/locations/REGION/operations/OPERATION.
func (n OperationName) String() string {
	return n.Location.String() + "/operations/" + n.Operation
}

// ParseLocation parses what [Location.String] returns.
func ParseLocation(name string) (Location, error) {
	p := parse(name, locationForm)
	l := p.location()
	return result(p, l)
}

// ParseJob parses what [JobName.String] returns. The wildcard is refused.
func ParseJob(name string) (JobName, error) {
	p := parse(name, jobForm)
	n := p.job(false)
	return result(p, n)
}

// ParseJobWildcard is [ParseJob] that takes "-" for the job's ID too.
func ParseJobWildcard(name string) (JobName, error) {
	p := parse(name, jobForm)
	n := p.job(true)
	return result(p, n)
}

// ParseExecution parses what [ExecutionName.String] returns. The wildcard is
// refused.
func ParseExecution(name string) (ExecutionName, error) {
	p := parse(name, executionForm)
	n := p.execution(false)
	return result(p, n)
}

// ParseExecutionWildcard is [ParseExecution] that takes "-" for the IDs of the
// job and of the execution too.
func ParseExecutionWildcard(name string) (ExecutionName, error) {
	p := parse(name, executionForm)
	n := p.execution(true)
	return result(p, n)
}

// ParseTask parses what [TaskName.String] returns.
func ParseTask(name string) (TaskName, error) {
	p := parse(name, taskForm)
	n := p.task()
	return result(p, n)
}

// ParseOperation parses what [OperationName.String] returns.
func ParseOperation(name string) (OperationName, error) {
	p := parse(name, operationForm)
	n := p.operation()
	return result(p, n)
}

// ValidateJobID checks the ID that a caller chose for a new job: at most 63
// lower-case letters, digits and hyphens; the first a letter, the last no hyphen.
func ValidateJobID(id string) error {
	if !isName(id, maxLabel) {
		return FieldErrorf(runwith.InvalidArgument, "job_id", "%s, not %s", nameRule(maxLabel), Quote(id))
	}
	return nil
}

// nameRule says what isName accepts.
func nameRule(limit int) string {
	return "must be at most " + strconv.Itoa(limit) +
		" lower-case letters, digits and hyphens, begin with a letter and not end with a hyphen"
}

// collections returns the collections of a form.
func collections(form string) []string {
	segments := strings.Split(form, "/")
	names := make([]string, 0, len(segments)/2)
	for i := 0; i < len(segments); i += 2 {
		names = append(names, segments[i])
	}
	return names
}
