// Package v1 is Cloud Run's v1 API on the engine: jobs, executions and tasks below
// /apis/run.googleapis.com/v1/namespaces/, for gcloud and Google's API client libraries.
// Each method is a function from a [Request] to an object of package knative or an error.
// Package api routes requests to them and writes their results.
//
// The engine knows only v2's messages. A method reads the request, translates it, calls the
// engine as v2 does, and translates the answer. It never calls the engine after a change,
// because gcloud repeats requests that were answered with 5xx.
//
// See https://cloud.google.com/run/docs/reference/rest/v1/namespaces.jobs.
package v1

import (
	"context"
	"net/http"
	"net/url"

	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/knative"
)

// Config configures an [API]. Engine is required.
type Config struct {
	Engine *engine.Engine
	// Project and ProjectNumber name the engine's own project. A namespace can be either.
	// Every other namespace is a project without a number.
	Project, ProjectNumber string
	// Region is the region of requests whose host has none.
	Region string
}

// API serves an engine. It may be used concurrently.
type API struct{ Config }

// Request is a request to a method.
type Request struct {
	// Host may begin with a region: us-east4-run.googleapis.com.
	Host string
	// Path has the values of the variables in the method's path.
	Path map[string]string
	// Query has the method's own parameters. A method removes those that it knows.
	Query url.Values
	// Body is JSON, or empty.
	Body []byte
	// EnumNumbers asks for the numbers of enum values instead of their names.
	EnumNumbers bool
}

// Method is a method of the API, on one verb and path.
type Method struct {
	// Name has the form of a gRPC method's and uses v2's word for the action, so
	// interceptors need not know both versions.
	Name string
	// Verb is the HTTP method.
	Verb string
	// Path is a template of google.api.http.
	Path string
	// Answer is an empty answer.
	Answer any
	// Call answers a request. Callers see its errors.
	Call func(context.Context, *Request) (any, error)
}

// The paths of the API.
const (
	// Root is the beginning of all paths.
	Root = "/apis/run.googleapis.com/v1/"

	namespace      = Root + "namespaces/{namespace}/"
	jobsPath       = namespace + "jobs"
	jobPath        = jobsPath + "/{name}"
	executionsPath = namespace + "executions"
	executionPath  = executionsPath + "/{name}"
	tasksPath      = namespace + "tasks"
	taskPath       = tasksPath + "/{name}"
)

// Methods returns all methods.
func (a *API) Methods() []Method {
	const (
		jobs       = "/google.cloud.run.v1.Jobs/"
		executions = "/google.cloud.run.v1.Executions/"
		tasks      = "/google.cloud.run.v1.Tasks/"
	)
	return []Method{
		{jobs + "CreateJob", http.MethodPost, jobsPath, knative.Job{}, a.explained(a.createJob)},
		{jobs + "ListJobs", http.MethodGet, jobsPath, knative.List[*knative.Job]{}, a.explained(a.listJobs)},
		{jobs + "GetJob", http.MethodGet, jobPath, knative.Job{}, a.explained(a.getJob)},
		{jobs + "UpdateJob", http.MethodPut, jobPath, knative.Job{}, a.explained(a.replaceJob)},
		{jobs + "DeleteJob", http.MethodDelete, jobPath, knative.Status{}, a.explained(a.deleteJob)},
		{jobs + "RunJob", http.MethodPost, jobPath + ":run", knative.Execution{}, a.explained(a.runJob)},
		{executions + "ListExecutions", http.MethodGet, executionsPath, knative.List[*knative.Execution]{}, a.explained(a.listExecutions)},
		{executions + "GetExecution", http.MethodGet, executionPath, knative.Execution{}, a.explained(a.getExecution)},
		{executions + "DeleteExecution", http.MethodDelete, executionPath, knative.Status{}, a.explained(a.deleteExecution)},
		{executions + "CancelExecution", http.MethodPost, executionPath + ":cancel", knative.Execution{}, a.explained(a.cancelExecution)},
		{tasks + "ListTasks", http.MethodGet, tasksPath, knative.List[*knative.Task]{}, a.explained(a.listTasks)},
		{tasks + "GetTask", http.MethodGet, taskPath, knative.Task{}, a.explained(a.getTask)},
	}
}
