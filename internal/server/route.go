package server

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/principal"
)

// Route is one row of the route table.
type Route struct {
	// Pattern is one of [http.ServeMux].
	Pattern string
	Handler http.Handler
	// WriteError writes an error in the format of the route's API: the guard's refusals.
	WriteError func(http.ResponseWriter, error)
	// Authenticate returns the caller of a request, or the error that answers it. It may be
	// called concurrently. Nil: every caller is [Config.Principal].
	Authenticate func(*http.Request) (principal.Principal, error)
}

// router finds the route of a request.
type router struct {
	*http.ServeMux
	page      *page
	principal principal.Principal // of the routes without Authenticate
	routes    map[string]Route    // by pattern
}

// newRouter returns the router of a site and of the server's own routes.
func newRouter(c Config, s *Site) *router {
	r := &router{http.NewServeMux(), newPage(c, s), c.Principal, map[string]Route{}}
	for _, route := range slices.Concat(ownRoutes(c, s), s.Routes) {
		r.Handle(route.Pattern, r.identify(route))
		r.routes[route.Pattern] = route
	}
	return r
}

// ServeHTTP answers a request by its route, except a browser at the root.
func (r *router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if r.page.wants(req) {
		r.page.ServeHTTP(w, req)
		return
	}
	r.ServeMux.ServeHTTP(w, req)
}

// ownRoutes are the routes of every server.
func ownRoutes(c Config, s *Site) (routes []Route) {
	health := health{version: cmp.Or(c.Version, "unknown"), checks: s.Checks, log: c.Logger}
	for _, route := range []Route{
		{Pattern: "/healthz", Handler: http.HandlerFunc(health.serveAlive)},
		{Pattern: "/readyz", Handler: http.HandlerFunc(health.serveReady)},
		{Pattern: "/metrics", Handler: newExposition(c, s.Metrics), Authenticate: s.Operator},
	} {
		route.WriteError = apierror.WriteProblem
		other := Route{Pattern: route.Pattern, Handler: http.HandlerFunc(refuseMethod), WriteError: apierror.WriteProblem}
		route.Pattern = "GET " + route.Pattern
		routes = append(routes, route, other)
	}
	return routes
}

// refuseMethod answers methods other than GET and HEAD.
func refuseMethod(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", "GET, HEAD")
	apierror.WriteProblem(w, &runwith.Error{
		Code: runwith.Unimplemented, Err: cause.MethodNotAllowed, Message: r.URL.Path + " takes no " + r.Method + "; it takes GET, HEAD",
	})
}

// reject writes what the guard refuses in the format of the API that was called.
func (r *router) reject(w http.ResponseWriter, req *http.Request, refusal *runwith.Error) {
	_, pattern := r.Handler(req)
	if write := r.routes[pattern].WriteError; write != nil {
		write(w, refusal)
		return
	}
	apierror.WriteText(w, refusal)
}
