package server

import (
	"net/http"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/guard"
	"github.com/runwith/runwith/internal/principal"
)

// caller returns the principal of a request to a route.
func (r *router) caller(route Route, req *http.Request) (principal.Principal, error) {
	if route.Authenticate == nil {
		return r.principal, nil
	}
	return route.Authenticate(req)
}

// identify returns the handler of a route, whose requests carry their principal. It answers
// the requests that the route does not authenticate.
func (r *router) identify(route Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		p, err := r.caller(route, req)
		if err != nil {
			refuse(w, req, route, err)
			return
		}
		route.Handler.ServeHTTP(w, req.WithContext(principal.With(req.Context(), p)))
	})
}

// refuse answers a request with the error of its authentication.
// https://www.rfc-editor.org/rfc/rfc6750#section-3
func refuse(w http.ResponseWriter, req *http.Request, route Route, err error) {
	if apierror.Status(err) == http.StatusUnauthorized {
		challenge := `Bearer realm="runwith"`
		if req.Header.Get("Authorization") != "" {
			challenge += `, error="invalid_token"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
	}
	switch {
	case guard.IsGRPC(req):
		apierror.WriteGRPC(w, err)
	case route.WriteError != nil:
		route.WriteError(w, err)
	default:
		apierror.WriteText(w, err)
	}
}

// admit returns the principal of a gRPC call, or why it is refused. req needs a path.
func (r *router) admit(req *http.Request) (principal.Principal, *runwith.Error) {
	_, pattern := r.Handler(req)
	p, err := r.caller(r.routes[pattern], req)
	if err != nil {
		return p, apierror.Public(err)
	}
	return p, nil
}
