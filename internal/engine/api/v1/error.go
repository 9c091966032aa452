package v1

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/knative"
	"github.com/runwith/runwith/internal/jobspec"
)

// explained makes the errors of a method use v1's names of fields and resources.
func (a *API) explained(call func(context.Context, *Request) (any, error)) func(context.Context, *Request) (any, error) {
	return func(ctx context.Context, r *Request) (any, error) {
		res, err := call(ctx, r)
		if err == nil {
			return res, nil
		}
		e, ok := errors.AsType[*runwith.Error](jobspec.Respell(err, knative.Path))
		if !ok {
			return nil, err
		}
		renamed := *e
		renamed.Message = resourceName.ReplaceAllStringFunc(e.Message, rename)
		return nil, &renamed
	}
}

// resourceName matches a resource name of v2 in a message. The last group is not empty for a
// resource of another API, such as a key.
var resourceName = regexp.MustCompile(`projects/[^/\s"]+/locations/[^/\s"]+(?:/(?:jobs|executions|tasks)/[^/\s"]+)*(/[^\s"]*)?`)

// rename turns a resource name of v2 into one of v1, which is flat, and adds the region.
func rename(name string) string {
	if resourceName.FindStringSubmatch(name)[1] != "" {
		return name
	}
	parts := strings.Split(name, "/")
	place := "namespaces/" + parts[1]
	if len(parts) > 4 {
		place += "/" + strings.Join(parts[len(parts)-2:], "/")
	}
	return place + " in " + parts[3]
}
