package server

import (
	"net/http"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/guard"
	"github.com/runwith/runwith/internal/principal"
	"github.com/runwith/runwith/internal/tracing"
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
	// Has reports whether the handler has the path of a request. For a path that no route has, a
	// browser gets an answer of [Site.Root]. Nil: it has all paths.
	Has func(*http.Request) bool
	// Guard is how the guard treats the route's requests.
	Guard guard.Rule
	// OwnTrace begins a new trace for each request, whatever trace its headers name.
	OwnTrace bool
}

// router finds the route of a request.
type router struct {
	*http.ServeMux
	root      http.Handler        // for browsers
	missing   bool                // root also answers paths that no route has
	principal principal.Principal // of the routes without Authenticate
	routes    map[string]Route    // by pattern
	panics    *panics
	tracer    *tracing.Tracer // may be nil
}

// newRouter returns the router of a site and of the server's own routes.
func newRouter(c Config, s *Site) *router {
	r := &router{http.NewServeMux(), s.Root, s.Root != nil, c.Principal, map[string]Route{}, newPanics(c.Logger), c.Tracer}
	if r.root == nil {
		r.root = newPage(c, s)
	}
	for _, route := range ownRoutes(c, s, r.panics) {
		r.add(route, r.identify(route))
	}
	for _, route := range s.Routes {
		r.add(route, r.traced(route, r.identify(route)))
	}
	return r
}

func (r *router) add(route Route, handler http.Handler) {
	r.Handle(route.Pattern, handler)
	r.routes[route.Pattern] = route
}

// ServeHTTP answers a request by its route. The root's handler answers browsers at / and at paths
// that no route has.
func (r *router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	tracked := &answer{ResponseWriter: w}
	defer r.panics.recover(tracked, req, r.fail)
	if r.forRoot(req) {
		r.root.ServeHTTP(tracked, req)
		return
	}
	r.ServeMux.ServeHTTP(tracked, req)
}

// forRoot reports whether the root's handler answers a request.
func (r *router) forRoot(req *http.Request) bool {
	if req.URL.Path == "/" {
		return asksPage(req) || asksEvents(req)
	}
	if !r.missing || !asksPage(req) {
		return false
	}
	_, pattern := r.Handler(req)
	has := r.routes[pattern].Has
	return has != nil && !has(req)
}

// rule returns how the guard treats a request.
func (r *router) rule(req *http.Request) guard.Rule {
	if r.forRoot(req) {
		return guard.Rule{Linked: true}
	}
	_, pattern := r.Handler(req)
	return r.routes[pattern].Guard
}

// reject writes what the guard refuses in the format of the API that was called.
func (r *router) reject(w http.ResponseWriter, req *http.Request, refusal *runwith.Error) {
	r.fail(w, req, refusal)
}

// fail writes an error in the format of the API that was called.
func (r *router) fail(w http.ResponseWriter, req *http.Request, err error) {
	_, pattern := r.Handler(req)
	if write := r.routes[pattern].WriteError; write != nil {
		write(w, err)
		return
	}
	apierror.WriteText(w, err)
}
