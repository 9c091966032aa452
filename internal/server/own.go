package server

import (
	"cmp"
	"errors"
	"net/http"
	"slices"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/guard"
)

// metricsPath is where a server reports its metrics.
const metricsPath = "/metrics"

// ownRoutes are the routes of every server. Metrics are not among them if they have a
// listener of their own.
func ownRoutes(c Config, s *Site, p *panics) []Route {
	routes := healthRoutes(c, s)
	if c.Metrics == nil {
		routes = append(routes, readOnly(Route{Pattern: metricsPath, Handler: exposed(c, s, p), Authenticate: s.Operator})...)
	}
	return routes
}

func healthRoutes(c Config, s *Site) []Route {
	health := health{version: cmp.Or(c.Version, "unknown"), checks: s.Checks, notes: s.Notes, log: c.Logger}
	return slices.Concat(
		readOnly(Route{Pattern: "/healthz", Handler: http.HandlerFunc(health.serveAlive)}),
		readOnly(Route{Pattern: "/readyz", Handler: http.HandlerFunc(health.serveReady)}))
}

// exposed returns the handler that reports a site's metrics, and the server's own.
func exposed(c Config, s *Site, p *panics) http.Handler {
	return newExposition(c, append(slices.Clone(s.Metrics), p.count.Metric()))
}

// readOnly returns the rows of a path that takes GET and HEAD.
func readOnly(route Route) []Route {
	route.WriteError = apierror.WriteProblem
	other := Route{Pattern: route.Pattern, Handler: http.HandlerFunc(refuseMethod), WriteError: apierror.WriteProblem}
	route.Pattern = "GET " + route.Pattern
	return []Route{route, other}
}

// refuseMethod answers methods other than GET and HEAD.
func refuseMethod(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", "GET, HEAD")
	apierror.WriteProblem(w, &runwith.Error{
		Code: runwith.Unimplemented, Err: cause.MethodNotAllowed, Message: r.URL.Path + " takes no " + r.Method + "; it takes GET, HEAD",
	})
}

// newMetricsServer returns the server of [Config.Metrics]: the guarded routes of health and
// metrics, without authentication.
func newMetricsServer(c Config, s *Site, p *panics) (*http.Server, error) {
	shield, err := guard.New(guard.Config{AllowHosts: c.AllowHosts})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for _, route := range slices.Concat(healthRoutes(c, s), readOnly(Route{Pattern: metricsPath, Handler: exposed(c, s, p)})) {
		mux.Handle(route.Pattern, route.Handler)
	}
	return HTTP(shield.Wrap(mux), c.Logger), nil
}

// close closes the listeners.
func (c Config) close() error {
	if c.Metrics == nil {
		return c.Listener.Close()
	}
	return errors.Join(c.Listener.Close(), c.Metrics.Close())
}
