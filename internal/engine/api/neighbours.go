package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
)

// neighbours answers the little that clients ask of Google's other APIs before they
// come to Cloud Run, and hands everything else on. They send that to hosts of their
// own (serviceusage.localhost); it is answered on the hosts of Cloud Run, too.
//
// Deviation: what these APIs have beside that is a 404. Not a 501: gcloud repeats
// that for half a minute.
type neighbours struct {
	config Config
	routes []neighbourRoute
	next   http.Handler
}

// neighbourRoute is one GET.
type neighbourRoute struct {
	service string // as in its host's name
	path    *pathTemplate
	answer  func(ctx context.Context, path map[string]string, query url.Values) (any, error)
}

// Services as they stand in the names of hosts and of APIs.
const (
	runService             = "run"
	loggingService         = "logging"
	serviceUsageService    = "serviceusage"
	resourceManagerService = "cloudresourcemanager"
)

func newNeighbours(c Config, next http.Handler) (*neighbours, error) {
	n := &neighbours{config: c, next: next}
	n.routes = []neighbourRoute{
		{service: runService, answer: n.locations},
		{service: serviceUsageService, answer: n.service},
		{service: resourceManagerService, answer: n.project},
	}
	for i, template := range []string{
		"/v1/{name=projects/*}/locations",
		"/v1/{parent=projects/*}/services/{service}",
		"/v1/projects/{project}",
	} {
		var err error
		if n.routes[i].path, err = compilePath(template); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// ServeHTTP answers one REST request, or hands it on.
func (n *neighbours) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service := serviceOf(r.Host)
	for _, route := range n.routes {
		path, ok := route.path.match(r.URL.EscapedPath())
		if ok && r.Method == http.MethodGet && (service == "" || service == route.service) {
			route.serve(w, r, path)
			return
		}
	}
	if service == serviceUsageService || service == resourceManagerService {
		apierror.WriteGoogle(w, runwith.Errorf(runwith.NotFound, "%s %s of %s.googleapis.com is not emulated on this machine: see docs/compatibility.md",
			r.Method, r.URL.Path, service))
		return
	}
	n.next.ServeHTTP(w, r)
}

func (route *neighbourRoute) serve(w http.ResponseWriter, r *http.Request, path map[string]string) {
	options, query, err := systemParameters(r.URL.Query())
	if err != nil {
		apierror.WriteGoogle(w, err)
		return
	}
	answer, err := route.answer(r.Context(), path, query)
	if err != nil {
		apierror.WriteGoogle(w, err)
		return
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		apierror.WriteGoogle(w, err)
		return
	}
	options.writeJSON(w, raw)
}

// serviceOf returns which of the services a host stands for; a region's Cloud Run
// is Cloud Run. It is empty for a name or an address that stands for all.
func serviceOf(host string) string {
	name, _, _ := strings.Cut(strings.ToLower(host), ":")
	name = strings.TrimSuffix(name, ".")
	for _, domain := range []string{".localhost", ".googleapis.com"} {
		service, ok := strings.CutSuffix(name, domain)
		switch {
		case !ok:
		case service == runService || strings.HasSuffix(service, "-"+runService):
			return runService
		case service == loggingService, service == serviceUsageService, service == resourceManagerService:
			return service
		}
	}
	return ""
}
