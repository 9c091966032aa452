package v1

import (
	"cmp"
	"context"
	"net/url"
	"strconv"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/knative"
	"github.com/runwith/runwith/internal/jobspec"
)

const (
	// maxItems is the length of a list without a limit. It fits all tasks of an execution,
	// and in practice all jobs: gcloud asks for one page of jobs and never for a second.
	maxItems = 10_000
	// pageSize is how many of them the engine reads at once.
	pageSize = 1000
)

// listQuery has the parameters of a list.
type listQuery struct {
	limit    int32 // 0 for none
	token    string
	selector knative.Selector
	filter   string // the selector's text
}

// readList reads the parameters of a list. It refuses parameters that Cloud Run does not
// support if they would change the answer.
func readList(query url.Values) (listQuery, error) {
	var q listQuery
	var err error
	if q.limit, err = takeLimit(query); err != nil {
		return q, err
	}
	if q.token, err = take(query, "continue"); err != nil {
		return q, err
	}
	if q.filter, err = take(query, "labelSelector"); err != nil {
		return q, err
	}
	if q.selector, err = knative.ParseSelector(q.filter); err != nil {
		return q, jobspec.FieldErrorf(runwith.InvalidArgument, "labelSelector", "%v", err)
	}
	for _, name := range []string{"fieldSelector", "resourceVersion", "watch", "includeUninitialized"} {
		value, err := take(query, name)
		if err != nil {
			return q, err
		}
		if value != "" && value != "false" {
			return q, jobspec.FieldErrorf(runwith.InvalidArgument, name, "is not supported by Cloud Run, leave it out")
		}
	}
	return q, nothingElse(query)
}

func takeLimit(query url.Values) (int32, error) {
	text, err := take(query, "limit")
	if err != nil || text == "" {
		return 0, err
	}
	limit, err := strconv.ParseInt(text, 10, 32)
	if err != nil || limit < 0 {
		return 0, jobspec.FieldErrorf(runwith.InvalidArgument, "limit", "must be a number and not negative, not %s", jobspec.Quote(text))
	}
	return int32(limit), nil
}

// label returns the value that the selector requires of a label, or the wildcard.
func (q listQuery) label(key string) string {
	value, _ := q.selector.Value(key)
	return cmp.Or(value, jobspec.Wildcard)
}

// listing lists one kind of object, which is an M in the engine and a V in v1.
type listing[M, V any] struct {
	kind   string
	labels func(M) map[string]string
	page   func(context.Context, engine.Selection[M]) (engine.Page[M], error)
	show   func(M) V
}

// list returns a page of objects. Without a limit, the page has all of them, but at most
// maxItems.
func list[M, V any](ctx context.Context, q listQuery, of jobspec.ExecutionName, l listing[M, V]) (*knative.List[V], error) {
	res := emptyList[V](l.kind)
	s := engine.Selection[M]{Of: of, Filter: q.filter, Size: cmp.Or(q.limit, pageSize), Token: q.token}
	if q.filter != "" {
		s.Keep = func(item M) bool { return q.selector.Matches(l.labels(item)) }
	}
	for {
		page, err := l.page(ctx, s)
		if runwith.CodeOf(err) == runwith.NotFound {
			return res, nil // the job does not exist
		}
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			res.Items = append(res.Items, l.show(item))
		}
		res.Metadata.Continue, s.Token = page.Next, page.Next
		full := len(page.Items) == pageSize
		if q.limit > 0 || page.Next == "" || !full || len(res.Items) >= maxItems {
			return res, nil
		}
	}
}

func emptyList[V any](kind string) *knative.List[V] {
	return &knative.List[V]{APIVersion: knative.APIVersion, Kind: kind}
}
