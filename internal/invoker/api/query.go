package api

import (
	"fmt"
	"maps"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/runwith/runwith/internal/apierror"
)

// oneValue refuses query parameters that occur more than once, if they take one value. huma
// would use the first.
func (s *server) oneValue(ctx huma.Context, next func(huma.Context)) {
	var faults []apierror.Fault
	u := ctx.URL()
	query := u.Query()
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if n := len(query[name]); n > 1 && !repeatable(ctx.Operation(), name) {
			faults = append(faults, apierror.Fault{Location: "query." + name, Message: fmt.Sprintf("takes one value, not %d", n)})
		}
	}
	if len(faults) > 0 {
		r, w := humago.Unwrap(ctx)
		apierror.WriteProblem(w, s.problem(r.Context(), apierror.Invalid(faults...)))
		return
	}
	next(ctx)
}

// repeatable reports whether a query parameter is a list.
func repeatable(operation *huma.Operation, name string) bool {
	return slices.ContainsFunc(operation.Parameters, func(p *huma.Param) bool {
		return p.In == "query" && p.Name == name && p.Schema.Type == huma.TypeArray
	})
}
