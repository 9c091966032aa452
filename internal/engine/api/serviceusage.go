package api

import (
	"cmp"
	"context"
	"net/url"
	"strings"

	"github.com/runwith/runwith"
)

// serviceAnswer is a Service of Service Usage.
type serviceAnswer struct {
	Name   string        `json:"name"`
	Config serviceConfig `json:"config"`
	State  string        `json:"state"`
	Parent string        `json:"parent"`
}

type serviceConfig struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

// service answers services.get of Service Usage: what this machine emulates is
// enabled.
//
// Deviation: other services are not known. gcloud takes that for a lack of
// permission to ask, and goes on.
//
// See https://cloud.google.com/service-usage/docs/reference/rest/v1/services/get.
func (n *neighbours) service(_ context.Context, path map[string]string, query url.Values) (any, error) {
	id, number, err := n.identify(strings.TrimPrefix(path["parent"], "projects/"))
	if err != nil {
		return nil, err
	}
	title, ok := serviceTitle(path["service"])
	if !ok {
		return nil, runwith.Errorf(runwith.NotFound, "service %.80q is not emulated on this machine: run, logging, serviceusage and cloudresourcemanager are", path["service"])
	}
	parent := "projects/" + cmp.Or(number, id)
	return serviceAnswer{
		Name: parent + "/services/" + path["service"], Config: serviceConfig{path["service"], title}, State: "ENABLED", Parent: parent,
	}, noParameters(query)
}

// serviceTitle is what Google calls an API, and false for one that is not here.
func serviceTitle(name string) (title string, ok bool) {
	switch strings.TrimSuffix(name, ".googleapis.com") {
	case runService:
		return "Cloud Run Admin API", true
	case loggingService:
		return "Cloud Logging API", true
	case serviceUsageService:
		return "Service Usage API", true
	case resourceManagerService:
		return "Cloud Resource Manager API", true
	}
	return "", false
}
