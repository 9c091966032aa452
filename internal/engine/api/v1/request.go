package v1

import (
	"maps"
	"net/url"
	"slices"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/knative"
	"github.com/runwith/runwith/internal/jobspec"
)

// take removes a query parameter and returns its only value, or "" if it is absent.
func take(query url.Values, name string) (string, error) {
	values := query[name]
	query.Del(name)
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	}
	return "", jobspec.FieldErrorf(runwith.InvalidArgument, name, "takes one value, not %d", len(values))
}

// nothingElse refuses the remaining parameters.
func nothingElse(query url.Values) error {
	for _, name := range slices.Sorted(maps.Keys(query)) {
		return runwith.Errorf(runwith.InvalidArgument, "%.80s: is no parameter of this method", name)
	}
	return nil
}

// dryRun reports whether a request only validates a change.
func dryRun(query url.Values) (bool, error) {
	value, err := take(query, "dryRun")
	if err == nil && value != "" && value != "all" {
		err = jobspec.FieldErrorf(runwith.InvalidArgument, "dryRun", "must be all or left out, not %s", jobspec.Quote(value))
	}
	return value == "all", err
}

// ignored removes parameters that Cloud Run ignores too.
func ignored(query url.Values, names ...string) {
	for _, name := range names {
		query.Del(name)
	}
}

// job reads the job in a request to a location. Its name is optional if the path has it.
func (a *API) job(r *Request, at jobspec.Location) (*knative.Job, error) {
	job := &knative.Job{}
	if err := knative.Unmarshal(r.Body, job); err != nil {
		return nil, err
	}
	meta := &job.Metadata
	if meta.Name == "" {
		meta.Name = r.Path["name"]
	}
	switch named := r.Path["name"]; {
	case meta.Name == "":
		return nil, jobspec.FieldErrorf(runwith.InvalidArgument, "metadata.name", "is required")
	case named != "" && meta.Name != named:
		return nil, jobspec.FieldErrorf(runwith.InvalidArgument, "metadata.name", "is %s, and the path names %s",
			jobspec.Quote(meta.Name), jobspec.Quote(named))
	case meta.Namespace != "" && a.project(meta.Namespace) != at.Project:
		return nil, jobspec.FieldErrorf(runwith.InvalidArgument, "metadata.namespace", "is %s, and the path names %s",
			jobspec.Quote(meta.Namespace), jobspec.Quote(r.Path["namespace"]))
	}
	return job, nil
}
