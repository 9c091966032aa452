package policy

import (
	"maps"
	"slices"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/jobspec"
)

// allLabels returns the labels of a request's invocation: the request's own, and those that the
// job's configuration sets. A request cannot set these.
func (j *job) allLabels(asked map[string]string, values map[string]string) (map[string]string, error) {
	if len(j.labels) == 0 {
		return asked, nil
	}
	var v jobspec.Violations
	at := v.Root().Field("labels")
	all := maps.Clone(asked)
	if all == nil {
		all = map[string]string{}
	}
	for _, name := range slices.Sorted(maps.Keys(j.labels)) {
		if _, sent := asked[name]; sent {
			at.Field(name).Addf("is set by the configuration of job %s, from the parameters: leave it out", j.name)
			continue
		}
		if text, given := j.labels[name].fill(values); given {
			all[name] = text
		}
	}
	if err := v.ErrAs(runwith.InvalidArgument, nil); err != nil {
		return nil, err
	}
	return all, ledger.CheckLabels(all)
}
