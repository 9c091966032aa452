package api

import (
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
		service, verb, path string
		answer              func(*call) (any, error)
		of                  any // the type of answers
	}{
		{runService, http.MethodGet, "/v1/{name=projects/*}/locations", n.locations, ListLocationsResponse{}},
		{serviceUsageService, http.MethodGet, "/v1/{parent=projects/*}/services", n.services, ListServicesResponse{}},
		{serviceUsageService, http.MethodGet, "/v1/{parent=projects/*}/services/{service}", n.service, Service{}},
		{serviceUsageService, http.MethodPost, "/v1/{parent=projects/*}/services/{service}:enable", n.enableService, EnableOperation{}},
		{serviceUsageService, http.MethodPost, "/v1/{parent=projects/*}/services:batchEnable", n.enableServices, EnableOperation{}},
		{serviceUsageService, http.MethodGet, "/v1/operations/{operation}", n.enabled, EnableOperation{}},
		{resourceManagerService, http.MethodGet, "/v1/projects/{project}", n.project, Project{}},
	} {
		answer := func(c *call) ([]byte, error) { return answerOf(c, row.verb, row.answer) }
		if err := t.add(route{services: []string{row.service}, verb: row.verb, answer: answer, shape: partial.Struct(row.of)}, row.path); err != nil {
			return err
		}
	}
	return nil
}

// answerOf returns an answer in JSON. A GET has no body.
func answerOf(c *call, verb string, answer func(*call) (any, error)) ([]byte, error) {
	if verb == http.MethodGet {
		body, err := readAll(c.Body)
		if err == nil {
			err = noBody(body)
		}
		if err != nil {
			return nil, err
		}
	}
	res, err := answer(c)
	if err != nil {
		return nil, err
	}
	return marshal(res)
}
