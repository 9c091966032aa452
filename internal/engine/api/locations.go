package api

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// ListLocationsResponse is a ListLocationsResponse.
type ListLocationsResponse struct {
	Locations []Location `json:"locations"`
}

// Location is a region.
type Location struct {
	Name   string            `json:"name"`
	ID     string            `json:"locationId"`
	Labels map[string]string `json:"labels"`
}

// locations answers projects.locations.list of Cloud Run: Cloud Run's regions, the
// engine's own, and those in which the project has jobs, sorted by name.
//
// Deviation: every region can be used, listed or not, and the list has one page.
//
// See https://cloud.google.com/run/docs/reference/rest/v1/projects.locations/list.
func (n neighbours) locations(c *call) (any, error) {
	if err := checkOnePage(c.query); err != nil {
		return nil, err
	}
	id, _, err := n.identify(strings.TrimPrefix(c.fields["name"], "projects/"))
	if err != nil {
		return nil, err
	}
	used, err := n.config.Engine.Regions(c.Context(), id)
	if err != nil {
		return nil, err
	}
	if n.config.Region != "" {
		used = append(used, n.config.Region)
	}
	regions := append(used, cloudRunRegions()...)
	slices.Sort(regions)
	res := ListLocationsResponse{}
	for _, region := range slices.Compact(regions) {
		res.Locations = append(res.Locations, Location{
			Name:   jobspec.Location{Project: id, Region: region}.String(),
			ID:     region,
			Labels: map[string]string{"cloud.googleapis.com/region": region},
		})
	}
	return res, nil
}

// checkOnePage ignores a page size, because gcloud accepts a longer page, and
// refuses parameters that would change the answer.
func checkOnePage(query url.Values) error {
	if query.Has("pageSize") && query.Has("page_size") {
		return runwith.Errorf(runwith.InvalidArgument, "page_size: is the same field as pageSize, send one of them")
	}
	for name, values := range query {
		size, err := strconv.Atoi(values[0])
		switch {
		case name != "pageSize" && name != "page_size":
			return runwith.Errorf(runwith.InvalidArgument, "%.80s: is not served here, leave it out: there is one page, of all", name)
		case len(values) > 1:
			return runwith.Errorf(runwith.InvalidArgument, "%s: takes one value, not %d", name, len(values))
		case err != nil || size < 0:
			return runwith.Errorf(runwith.InvalidArgument, "%s: %.80q must be a number and not negative", name, values[0])
		}
	}
	return nil
}

// cloudRunRegions returns the regions on Google's page.
// https://cloud.google.com/run/docs/locations
func cloudRunRegions() []string {
	return []string{
		"africa-south1",
		"asia-east1", "asia-east2", "asia-northeast1", "asia-northeast2", "asia-northeast3",
		"asia-south1", "asia-south2", "asia-southeast1", "asia-southeast2", "asia-southeast3",
		"australia-southeast1", "australia-southeast2",
		"europe-central2", "europe-north1", "europe-north2", "europe-southwest1",
		"europe-west1", "europe-west2", "europe-west3", "europe-west4", "europe-west6",
		"europe-west8", "europe-west9", "europe-west10", "europe-west12",
		"me-central1", "me-central2", "me-west1",
		"northamerica-northeast1", "northamerica-northeast2", "northamerica-south1",
		"southamerica-east1", "southamerica-west1",
		"us-central1", "us-east1", "us-east4", "us-east5", "us-south1",
		"us-west1", "us-west2", "us-west3", "us-west4",
	}
}
