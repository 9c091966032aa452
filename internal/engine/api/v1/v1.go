// Package v1 is Cloud Run's v1 API on the engine: jobs, executions and tasks as
// gcloud and the API client libraries call them, below
// /apis/run.googleapis.com/v1/namespaces/. Each method is a function from a [Request]
// to an object of package knative, or an error; package api routes to them and
// writes what they return.
//
// The engine knows v2's messages alone. A method reads what was sent, has it
// translated, calls the engine as v2 does, and shows what that answers. It never
// calls the engine after a change: gcloud repeats what it was answered 5xx.
//
// See https://cloud.google.com/run/docs/reference/rest/v1/namespaces.jobs.
package v1

import (
	"context"
	"net/http"
	"net/url"

	"github.com/runwith/runwith/internal/engine"
)

// Config says what an [API] serves. Engine is required.
type Config struct {
	Engine *engine.Engine
	// Project and ProjectNumber name the engine's own project. A namespace may be
	// either; any other one is a project that has no number.
	Project, ProjectNumber string
	// Region is where a request goes whose host names none.
	Region string
}

// API answers for an engine. It may be used concurrently.
type API struct{ Config }

// Request is what a caller sent.
type Request struct {
	// Host may begin with a region: us-east4-run.googleapis.com.
	Host string
	// Path has the variables of the method's path.
	Path map[string]string
	// Query has the parameters that are the method's own. A method takes out what it
	// knows.
	Query url.Values
	// Body is JSON, or empty.
	Body []byte
	// EnumNumbers asks for numbers in place of the names of enum values.
	EnumNumbers bool
}

// Method is a method of the API, on one verb and path.
type Method struct {
	// Name is that of a gRPC method, with v2's word for what it does: what stands around
	// calls need not know both versions.
	Name string
	// Verb is the HTTP method.
	Verb string
	// Path is a template as google.api.http has them.
	Path string
	// Call answers. Its errors are for callers to see.
	Call func(context.Context, *Request) (any, error)
}

// The paths of the API.
const (
	// Root is before all of them.
	Root = "/apis/run.googleapis.com/v1/"

	namespace      = Root + "namespaces/{namespace}/"
	jobsPath       = namespace + "jobs"
	jobPath        = jobsPath + "/{name}"
	executionsPath = namespace + "executions"
	executionPath  = executionsPath + "/{name}"
	tasksPath      = namespace + "tasks"
	taskPath       = tasksPath + "/{name}"
)

// Methods are all that is served.
func (a *API) Methods() []Method {
	const (
		jobs       = "/google.cloud.run.v1.Jobs/"
		executions = "/google.cloud.run.v1.Executions/"
		tasks      = "/google.cloud.run.v1.Tasks/"
	)
	return []Method{
		{jobs + "CreateJob", http.MethodPost, jobsPath, a.explained(a.createJob)},
		{jobs + "ListJobs", http.MethodGet, jobsPath, a.explained(a.listJobs)},
		{jobs + "GetJob", http.MethodGet, jobPath, a.explained(a.getJob)},
		{jobs + "UpdateJob", http.MethodPut, jobPath, a.explained(a.replaceJob)},
		{jobs + "DeleteJob", http.MethodDelete, jobPath, a.explained(a.deleteJob)},
		{jobs + "RunJob", http.MethodPost, jobPath + ":run", a.explained(a.runJob)},
		{executions + "ListExecutions", http.MethodGet, executionsPath, a.explained(a.listExecutions)},
		{executions + "GetExecution", http.MethodGet, executionPath, a.explained(a.getExecution)},
		{executions + "DeleteExecution", http.MethodDelete, executionPath, a.explained(a.deleteExecution)},
		{executions + "CancelExecution", http.MethodPost, executionPath + ":cancel", a.explained(a.cancelExecution)},
		{tasks + "ListTasks", http.MethodGet, tasksPath, a.explained(a.listTasks)},
		{tasks + "GetTask", http.MethodGet, taskPath, a.explained(a.getTask)},
	}
}
