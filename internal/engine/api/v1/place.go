package v1

import (
	"cmp"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// place returns the location of a request. Paths of v1 have no region; it is in the host,
// or else the server's own.
func (a *API) place(r *Request) (jobspec.Location, error) {
	at := jobspec.Location{Project: a.project(r.Path["namespace"]), Region: cmp.Or(regionOf(r.Host), a.Region)}
	return at, a.check(r, at)
}

// everywhere is place for lists. At a host without a region, lists have all regions.
func (a *API) everywhere(r *Request) (jobspec.Location, error) {
	at, err := a.place(r)
	if regionOf(r.Host) == "" {
		at.Region = jobspec.Wildcard
	}
	return at, err
}

func (a *API) check(r *Request, at jobspec.Location) error {
	if at.Region == "" {
		return runwith.Errorf(runwith.InvalidArgument,
			"host %.80q: names no region, and the server has none of its own; call us-east4-run.googleapis.com, for one", r.Host)
	}
	if _, err := jobspec.ParseLocation(jobspec.Location{Project: at.Project, Region: "region"}.String()); err != nil {
		return runwith.Errorf(runwith.InvalidArgument, "namespaces/%.80s: must be the ID or the number of a project", r.Path["namespace"])
	}
	if _, err := jobspec.ParseLocation(at.String()); err != nil {
		return runwith.Errorf(runwith.InvalidArgument, "host %.80q: names no region, as us-east4-run.googleapis.com does", r.Host)
	}
	return nil
}

// project returns the project of a namespace.
func (a *API) project(namespace string) string {
	if namespace == a.ProjectNumber {
		return a.Project
	}
	return namespace
}

// namespace returns the namespace of a project in answers: like Cloud Run, its number if it
// has one.
func (a *API) namespace(project string) string {
	if project == a.Project {
		return cmp.Or(a.ProjectNumber, project)
	}
	return project
}

// regionOf returns the region in a host such as us-east4-run.googleapis.com, or
// us-east4-localhost, which gcloud derives from http://localhost. It is empty if the host
// has none.
func regionOf(host string) string {
	name, _, _ := strings.Cut(strings.ToLower(host), ":")
	name = strings.TrimSuffix(name, ".")
	if region, ok := strings.CutSuffix(name, "-localhost"); ok && !strings.Contains(region, ".") {
		return region
	}
	first, _, _ := strings.Cut(name, ".")
	region, _ := strings.CutSuffix(first, "-run")
	if region == first {
		return ""
	}
	return region
}
