package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/invoker/trigger"
)

// documentTriggers describes /triggers/{name}, which package trigger answers.
func documentTriggers(d huma.API) {
	answer := func(what string) *huma.Response {
		return &huma.Response{Description: what, Content: content[trigger.Answer](d, "application/json")}
	}
	retryAfter := map[string]*huma.Param{"Retry-After": {Schema: &huma.Schema{Type: huma.TypeInteger}, Description: "Seconds after which to send the event again."}}
	later := &huma.Response{Description: "The event could not be accepted now: send it again", Headers: retryAfter, Content: content[apierror.Problem](d, apierror.ProblemType)}
	d.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "trigger", Method: http.MethodPost, Path: prefix + "/triggers/{name}", Summary: "Receive an event",
		Description: "Pub/Sub, Eventarc, Cloud Scheduler, Cloud Tasks and webhooks send their events here. The trigger's configuration decides which form an event has, who may send it, and which job it starts. An event starts its job once, however often it is sent. One that can never start it is stored and acknowledged.",
		Parameters: []*huma.Param{{
			Name: "name", In: "path", Required: true, Description: "Name of the trigger.", Schema: &huma.Schema{Type: huma.TypeString},
		}},
		RequestBody: &huma.RequestBody{Description: "The event, in the form of its source.", Content: map[string]*huma.MediaType{"*/*": {Schema: &huma.Schema{}}}},
		Responses: map[string]*huma.Response{
			"200":     answer("The event is acknowledged: it has started its job before, or starts none"),
			"202":     answer("The job starts"),
			"429":     later,
			"503":     later,
			"default": {Description: "Error", Content: content[apierror.Problem](d, apierror.ProblemType)},
		},
	})
}
