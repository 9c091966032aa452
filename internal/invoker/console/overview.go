package console

import (
	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
)

// overview shows what is going on.
func (s *server) overview(c *call) (page, error) {
	latest, _, err := s.Invoker.Invocations(c.Context(), invoker.Filter{PageSize: 20})
	if err != nil {
		return page{}, err
	}
	return page{Template: "overview", Title: "Overview", Nav: "/", Live: true, Data: overviewData{Latest: latest}}, nil
}

type overviewData struct{ Latest []runwith.Invocation }
