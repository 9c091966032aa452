package api

import (
	"cmp"
	"strings"

	"github.com/runwith/runwith"
)

// Service is a Service of Service Usage.
type Service struct {
	Name   string        `json:"name"`
	Config ServiceConfig `json:"config"`
	State  string        `json:"state"`
	Parent string        `json:"parent"`
}

// ServiceConfig describes a Service.
type ServiceConfig struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

// service answers services.get of Service Usage: the emulated services are enabled.
//
// Deviation: other services do not exist. gcloud assumes that it lacks the permission to
// ask, and continues.
//
// See https://cloud.google.com/service-usage/docs/reference/rest/v1/services/get.
func (n neighbours) service(c *call) (any, error) {
	id, number, err := n.identify(strings.TrimPrefix(c.fields["parent"], "projects/"))
	if err != nil {
		return nil, err
	}
	title, ok := serviceTitle(c.fields["service"])
	if !ok {
		return nil, runwith.Errorf(runwith.NotFound, "service %.80q is not emulated on this machine: run, logging, serviceusage and cloudresourcemanager are", c.fields["service"])
	}
	parent := "projects/" + cmp.Or(number, id)
	return Service{
		Name: parent + "/services/" + c.fields["service"], Config: ServiceConfig{c.fields["service"], title}, State: "ENABLED", Parent: parent,
	}, noParameters(c.query)
}

// serviceTitle returns Google's name of an emulated API.
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
