package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/engine/api/partial"
)

// router has the table of everything that the engine serves over REST: Cloud Run v2 and
// v1, Cloud Logging, operations, and single methods of other Google APIs.
type router struct {
	routes []*route
	own    ownProject
}

// route is one row: an HTTP method and path, and the function that answers them.
type route struct {
	services []string // the APIs whose hosts have the path
	verb     string   // HTTP method
	path     *pathTemplate
	answer   func(*call) ([]byte, error) // compact JSON
	shape    partial.Shape               // of the answer
}

// call is a request to a route.
type call struct {
	*http.Request
	fields map[string]string // from the path
	query  url.Values        // without the system parameters
	system
}

// add compiles a path and adds its row.
func (t *router) add(r route, path string) (err error) {
	if r.path, err = compilePath(path); err != nil {
		return err
	}
	t.routes = append(t.routes, &r)
	return nil
}

// ServeHTTP answers a REST request.
func (t *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r, err := overridden(r)
	if err != nil {
		apierror.WriteGoogle(w, err)
		return
	}
	route, fields, allowed := t.find(r)
	if route == nil {
		refuseRoute(w, r, allowed)
		return
	}
	c := &call{Request: r, fields: fields}
	answer, err := route.serve(c)
	if err != nil {
		apierror.WriteGoogle(w, err)
		return
	}
	c.write(w, answer)
}

// serve returns the answer to a call. It refuses an unreadable call before the method
// runs.
func (t *route) serve(c *call) ([]byte, error) {
	query, err := parseQuery(c.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	if c.system, c.query, err = systemParameters(c.Request, query); err != nil {
		return nil, err
	}
	mask, err := c.mask.For(t.shape)
	if err != nil {
		return nil, runwith.Errorf(runwith.InvalidArgument, "%s: %v", c.maskName, err)
	}
	answer, err := t.answer(c)
	if err != nil {
		return nil, err
	}
	return mask.Apply(answer)
}

// find returns the route of a request and the fields in its path, or else the HTTP
// methods that the path has.
func (t *router) find(r *http.Request) (_ *route, fields map[string]string, allowed []string) {
	path, ok := splitPath(r.URL.EscapedPath())
	if !ok {
		return nil, nil, nil
	}
	service := serviceOf(r.Host)
	for _, route := range t.routes {
		if service != "" && !slices.Contains(route.services, service) {
			continue
		}
		fields, ok := route.path.match(path)
		switch {
		case ok && route.verb == r.Method:
			return route, fields, nil
		case ok:
			allowed = append(allowed, route.verb)
		}
	}
	return nil, nil, allowed
}

// refuseRoute answers a request that has no route. allowed are the HTTP methods of its
// path.
//
// Deviation: of Service Usage and Resource Manager everything else is a 404. It is not a
// 501, which gcloud repeats for half a minute.
func refuseRoute(w http.ResponseWriter, r *http.Request, allowed []string) {
	service := serviceOf(r.Host)
	switch {
	case service == serviceUsageService || service == resourceManagerService:
		apierror.WriteGoogle(w, runwith.Errorf(runwith.NotFound, "%s %s of %s.googleapis.com is not emulated on this machine: see docs/compatibility.md",
			r.Method, r.URL.Path, service))
	case len(allowed) == 0:
		apierror.WriteGoogle(w, runwith.Errorf(runwith.NotFound, "no API method answers %s %s", r.Method, r.URL.Path))
	default:
		slices.Sort(allowed)
		methods := strings.Join(slices.Compact(allowed), ", ")
		w.Header().Set("Allow", methods)
		refusal := runwith.Errorf(runwith.Unimplemented, "%s is no method of %s, which takes %s", r.Method, r.URL.Path, methods)
		refusal.Err = cause.MethodNotAllowed
		apierror.WriteGoogle(w, refusal)
	}
}
