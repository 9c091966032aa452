package api

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith/internal/apierror"
)

// health is the answer of /healthz and /readyz.
type health struct {
	Status  string   `json:"status" enum:"ok" doc:"ok while the process serves requests."`
	Version string   `json:"version" doc:"Version of the program."`
	Notes   []string `json:"notes,omitempty" nullable:"false" doc:"What people should know although the server works, such as a mistake in a new version of the configuration file. Only in /readyz."`
}

// documentHealth describes /healthz and /readyz, which package server answers.
func documentHealth(d huma.API) {
	describe := func(path, id, summary, description string) {
		d.OpenAPI().AddOperation(&huma.Operation{
			OperationID: id, Method: http.MethodGet, Path: path, Summary: summary, Description: description,
			Responses: map[string]*huma.Response{
				"200":     {Description: "OK", Content: content[health](d, "application/json")},
				"default": {Description: "Error", Content: content[apierror.Problem](d, apierror.ProblemType)},
			},
		})
	}
	describe("/healthz", "health", "Whether the process is alive",
		"Answers without checking the store or Cloud Run.")
	describe("/readyz", "ready", "Whether the invoker can do its work",
		"Answers 503 during a rebuild of the store, and while Cloud Run does not answer and accepted invocations wait for it.")
}

// content describes a body of type T.
func content[T any](d huma.API, mediaType string) map[string]*huma.MediaType {
	schema := d.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
	return map[string]*huma.MediaType{mediaType: {Schema: schema}}
}
