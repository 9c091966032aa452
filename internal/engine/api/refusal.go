package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/cause"
)

// refuseMethod answers what no method of an API does. allowed are the HTTP methods
// that the path has.
func refuseMethod(w http.ResponseWriter, r *http.Request, allowed []string) {
	refusal := runwith.Errorf(runwith.NotFound, "no API method answers %s %s", r.Method, r.URL.Path)
	if len(allowed) > 0 {
		slices.Sort(allowed)
		methods := strings.Join(slices.Compact(allowed), ", ")
		w.Header().Set("Allow", methods)
		refusal = runwith.Errorf(runwith.Unimplemented, "%s is no method of %s, which takes %s", r.Method, r.URL.Path, methods)
		refusal.Err = cause.MethodNotAllowed
	}
	apierror.WriteGoogle(w, refusal)
}
