package server

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/cause"
)

// Route is one row of the route table.
type Route struct {
	// Pattern is one of [http.ServeMux].
	Pattern string
	Handler http.Handler
	// WriteError writes an error in the format of the route's API: the guard's refusals.
	WriteError func(http.ResponseWriter, error)
}

// router finds the route of a request.
type router struct {
	*http.ServeMux
	page    *page
	writers map[string]func(http.ResponseWriter, error) // by pattern
}

// newRouter returns the router of a site and of the server's own routes.
func newRouter(c Config, s *Site) *router {
	r := &router{http.NewServeMux(), newPage(c, s), map[string]func(http.ResponseWriter, error){}}
	for _, route := range slices.Concat(ownRoutes(c, s), s.Routes) {
		r.Handle(route.Pattern, route.Handler)
		r.writers[route.Pattern] = route.WriteError
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
	for path, handler := range map[string]http.Handler{
		"/healthz": http.HandlerFunc(health.serveAlive),
		"/readyz":  http.HandlerFunc(health.serveReady),
		"/metrics": newExposition(c, s.Metrics),
	} {
		routes = append(routes,
			Route{"GET " + path, handler, apierror.WriteProblem},
			Route{path, http.HandlerFunc(refuseMethod), apierror.WriteProblem})
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
	if write := r.writers[pattern]; write != nil {
		write(w, refusal)
		return
	}
	apierror.WriteText(w, refusal)
}
