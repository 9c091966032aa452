package v1

import (
	"context"
	"errors"
	"fmt"
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
		if missing := resourceName.FindString(e.Message); missing != "" && e.Code == runwith.NotFound {
			renamed.Message = notFound(missing)
		}
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

// notFound returns Cloud Run's message for a missing resource with a name of v2.
func notFound(name string) string {
	parts := strings.Split(name, "/")
	kind := strings.ToUpper(strings.TrimSuffix(parts[len(parts)-2], "s"))
	return fmt.Sprintf("Resource '%s' of kind '%s' in region '%s' in project '%s' does not exist.", parts[len(parts)-1], kind, parts[3], parts[1])
}
