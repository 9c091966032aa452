package api

import (
	"cmp"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/knative"
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

// ListServicesResponse is a ListServicesResponse of Service Usage.
type ListServicesResponse struct {
	Services []Service `json:"services,omitempty"`
}

// EnableOperation is the operation that enables services. It is done, because they are
// enabled always.
type EnableOperation struct {
	Name     string         `json:"name"`
	Done     bool           `json:"done"`
	Response EnableResponse `json:"response"`
}

// EnableResponse is an EnableServiceResponse, or a BatchEnableServicesResponse.
type EnableResponse struct {
	Type     string    `json:"@type"`
	Service  *Service  `json:"service,omitempty"`
	Services []Service `json:"services,omitempty"`
}

// nothingToDo is the name of the operation that Google returns if a service is enabled.
const nothingToDo = "operations/noop.DONE_OPERATION"

// emulatedServices are the APIs that the engine serves, with Google's names of them.
var emulatedServices = []ServiceConfig{
	{resourceManagerService + domain, "Cloud Resource Manager API"},
	{loggingService + domain, "Cloud Logging API"},
	{runService + domain, "Cloud Run Admin API"},
	{serviceUsageService + domain, "Service Usage API"},
}

const domain = ".googleapis.com"

// service answers services.get of Service Usage: the emulated services are enabled.
//
// Deviation: other services do not exist. gcloud assumes that it lacks the permission to
// ask, and continues.
//
// See https://cloud.google.com/service-usage/docs/reference/rest/v1/services/get.
func (n neighbours) service(c *call) (any, error) {
	if err := noParameters(c.query); err != nil {
		return nil, err
	}
	return n.serviceNamed(c, c.fields["service"])
}

func (n neighbours) serviceNamed(c *call, name string) (Service, error) {
	id, number, err := n.identify(strings.TrimPrefix(c.fields["parent"], "projects/"))
	if err != nil {
		return Service{}, err
	}
	parent := "projects/" + cmp.Or(number, id)
	for _, known := range emulatedServices {
		if strings.TrimSuffix(name, domain) == strings.TrimSuffix(known.Name, domain) {
			return Service{Name: parent + "/services/" + known.Name, Config: known, State: "ENABLED", Parent: parent}, nil
		}
	}
	return Service{}, runwith.Errorf(runwith.NotFound,
		"service %.80q is not emulated on this machine: run, logging, serviceusage and cloudresourcemanager are", name)
}

// enableService answers services.enable, the first step of many scripts. The emulated
// services are enabled already, and others cannot be.
//
// See https://cloud.google.com/service-usage/docs/reference/rest/v1/services/enable.
func (n neighbours) enableService(c *call) (any, error) {
	if err := c.readParameters(&EnableServiceRequest{}); err != nil {
		return nil, err
	}
	service, err := n.serviceNamed(c, c.fields["service"])
	return EnableOperation{nothingToDo, true, EnableResponse{Type: enableType + "EnableServiceResponse", Service: &service}}, err
}

// enableServices answers services.batchEnable. It enables all or none.
//
// See https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchEnable.
func (n neighbours) enableServices(c *call) (any, error) {
	var req BatchEnableServicesRequest
	if err := c.readParameters(&req); err != nil {
		return nil, err
	}
	if len(req.ServiceIDs) == 0 {
		return nil, runwith.Errorf(runwith.InvalidArgument, "serviceIds: name at least one service")
	}
	res := EnableResponse{Type: enableType + "BatchEnableServicesResponse"}
	for _, name := range req.ServiceIDs {
		service, err := n.serviceNamed(c, name)
		if err != nil {
			return nil, err
		}
		res.Services = append(res.Services, service)
	}
	return EnableOperation{nothingToDo, true, res}, nil
}

const enableType = "type.googleapis.com/google.api.serviceusage.v1."

// EnableServiceRequest has no fields.
type EnableServiceRequest struct{}

// BatchEnableServicesRequest names services.
type BatchEnableServicesRequest struct {
	ServiceIDs []string `json:"serviceIds"`
}

// readParameters reads the body of a call without a query.
func (c *call) readParameters(into any) error {
	if err := noParameters(c.query); err != nil {
		return err
	}
	body, err := readAll(c.Body)
	if err != nil {
		return err
	}
	return knative.Unmarshal(body, into)
}

// services answers services.list: the emulated services, on one page.
//
// See https://cloud.google.com/service-usage/docs/reference/rest/v1/services/list.
func (n neighbours) services(c *call) (any, error) {
	filter := c.query.Get("filter")
	if filter != "" && filter != "state:ENABLED" && filter != "state:DISABLED" {
		return nil, runwith.Errorf(runwith.InvalidArgument, "filter: must be state:ENABLED or state:DISABLED, not %.80q", filter)
	}
	c.query.Del("filter")
	if err := checkOnePage(c.query); err != nil {
		return nil, err
	}
	res := ListServicesResponse{}
	for _, known := range emulatedServices {
		service, err := n.serviceNamed(c, known.Name)
		if err != nil {
			return nil, err
		}
		if filter != "state:DISABLED" {
			res.Services = append(res.Services, service)
		}
	}
	return res, nil
}

// enabled answers operations.get for the operation that enabled services.
func (n neighbours) enabled(c *call) (any, error) {
	if name := "operations/" + c.fields["operation"]; name != nothingToDo {
		return nil, runwith.Errorf(runwith.NotFound, "operation %.80q does not exist", name)
	}
	return EnableOperation{nothingToDo, true, EnableResponse{Type: enableType + "EnableServiceResponse"}}, noParameters(c.query)
}
