package postgres

import (
	"maps"
	"slices"

	"github.com/runwith/runwith/internal/invoker/store"
)

// fewRows is where counting stops. A list counts the rows that each of its filters selects, and
// reads the rows of the filter that selects fewest.
const fewRows = 500

// rarest returns the label whose rows a list is to read. It is empty if there is none, or if the
// other filters select fewer rows than any label.
func rarest(t tx, q store.Query) (label string, err error) {
	names := slices.Sorted(maps.Keys(q.Labels))
	if len(names) == 0 {
		return "", nil
	}
	plain := q
	plain.Labels, plain.Limit = nil, fewRows
	filtered := q.Job != "" || q.Owner != "" || q.Source != "" || q.RerunOf != "" || len(q.States) > 0 || q.Visible != nil
	if len(names) == 1 && !filtered {
		return names[0], nil
	}
	if filtered {
		names = append(names, "")
	}
	counts := make([]int, len(names))
	var b batch
	for i, name := range names {
		only := plain
		if name != "" {
			only = store.Query{Owner: q.Owner, After: q.After, Before: q.Before, Labels: map[string]string{name: q.Labels[name]}, Limit: fewRows}
		}
		keys, args := listKeys(only, name)
		b.row(&counts[i], `SELECT count(*) FROM (`+keys+`) AS few`, args...)
	}
	if err := b.run(t); err != nil {
		return "", err
	}
	return names[slices.Index(counts, slices.Min(counts))], nil
}
