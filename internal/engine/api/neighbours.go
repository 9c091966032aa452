package api

import (
	"encoding/json"
	"net/http"

	"github.com/runwith/runwith/internal/engine/api/partial"
)

// neighbours answers the few questions that clients ask of Google's other APIs before
// they call Cloud Run. Clients send them to hosts of their own, such as
// serviceusage.localhost.
type neighbours struct{ config Config }

// addTo adds the routes of the neighbours.
func (n neighbours) addTo(t *router) error {
	for _, row := range []struct {
		service, path string
		answer        func(*call) (any, error)
		of            any // the type of answers
	}{
		{runService, "/v1/{name=projects/*}/locations", n.locations, ListLocationsResponse{}},
		{serviceUsageService, "/v1/{parent=projects/*}/services/{service}", n.service, Service{}},
		{resourceManagerService, "/v1/projects/{project}", n.project, Project{}},
	} {
		answer := func(c *call) ([]byte, error) {
			res, err := row.answer(c)
			if err != nil {
				return nil, err
			}
			return json.Marshal(res)
		}
		if err := t.add(route{services: []string{row.service}, verb: http.MethodGet, answer: answer, shape: partial.Struct(row.of)}, row.path); err != nil {
			return err
		}
	}
	return nil
}
