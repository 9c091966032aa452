package policy

import (
	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
)

// EstimateTerms returns the terms of a request whose cost a caller wants to know. The caller
// must have the verb [Start] on the job. It checks the overrides as [Policy.Terms] does; the
// request needs no parameters.
func (p *Policy) EstimateTerms(name string, o runwith.Overrides) (invoker.Terms, error) {
	if !p.Configured() {
		return invoker.Terms{Overrides: o}, nil
	}
	j := p.jobs[name]
	if j == nil {
		return invoker.Terms{}, NoJob(name)
	}
	return invoker.Terms{Target: j.spec.CloudRun, Overrides: o}, j.checkOverrides(o)
}
