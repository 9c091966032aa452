package api

import (
	"net/url"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// Project is a Project of Cloud Resource Manager.
type Project struct {
	ProjectNumber  string `json:"projectNumber,omitempty"`
	ProjectID      string `json:"projectId"`
	LifecycleState string `json:"lifecycleState"`
	Name           string `json:"name"`
}

// project answers projects.get of Cloud Resource Manager, by ID or number.
//
// Deviation: every project exists. Only the engine's own has a number.
//
// See https://cloud.google.com/resource-manager/reference/rest/v1/projects/get.
func (n neighbours) project(c *call) (any, error) {
	id, number, err := n.identify(c.fields["project"])
	if err != nil {
		return nil, err
	}
	return Project{number, id, "ACTIVE", id}, noParameters(c.query)
}

// identify returns a project's ID, and its number if it has one.
func (n neighbours) identify(project string) (id, number string, err error) {
	if _, err := jobspec.ParseLocation(jobspec.Location{Project: project, Region: "global"}.String()); err != nil {
		return "", "", runwith.Errorf(runwith.InvalidArgument, "project: %.80q is no ID of a project", project)
	}
	if project == n.config.Project || project == n.config.ProjectNumber {
		return n.config.Project, n.config.ProjectNumber, nil
	}
	return project, "", nil
}

// noParameters refuses a query that is not empty.
func noParameters(query url.Values) error {
	for name := range query {
		return runwith.Errorf(runwith.InvalidArgument, "%.80s: is no parameter of this method", name)
	}
	return nil
}
