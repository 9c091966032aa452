package policy

import (
	"maps"
	"slices"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// Subscribers chooses the endpoints that receive events of an invocation.
type Subscribers interface {
	// Subscribers returns the endpoints for an invocation of a job with these labels. The
	// callback is the request's own; nil is none. The error refuses it.
	Subscribers(job string, labels map[string]string, callback *runwith.Callback) ([]ledger.Subscriber, error)
	// Hearers returns the endpoints that hear of budgets.
	Hearers() []ledger.Hearer
}

// Policy is a compiled configuration. It is immutable. The zero value and nil are the policy
// of a server without a configuration: every job can be started, with any override.
type Policy struct {
	configured  bool
	jobs        map[string]*job
	callers     map[string]configfile.Caller
	subscribers Subscribers // nil: nobody, and no request may name one
	budgets     ledger.Budgets
}

// Open returns the policy of a server without a configuration, whose requests may name the
// endpoints that subscribers allows.
func Open(subscribers Subscribers) *Policy { return &Policy{subscribers: subscribers} }

// New compiles a configuration. The error is [*configfile.FaultsError] with all mistakes.
func New(file *configfile.File, subscribers Subscribers) (*Policy, error) {
	p := &Policy{configured: true, jobs: map[string]*job{}, callers: file.Callers, subscribers: subscribers, budgets: budgetsOf(file)}
	if subscribers != nil {
		p.budgets.Hearers = subscribers.Hearers()
	}
	check := file.Check()
	for _, name := range slices.Sorted(maps.Keys(file.Jobs)) {
		p.jobs[name] = compile(check, name, file.Jobs[name])
	}
	p.checkTriggers(check, file)
	if err := check.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// Configured reports whether the policy comes from a configuration.
func (p *Policy) Configured() bool { return p != nil && p.configured }

// Jobs returns the names of the configured jobs in their order.
func (p *Policy) Jobs() []string {
	if p == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(p.jobs))
}

// Rates returns how often each job is started in a minute. A job without a rate is missing.
func (p *Policy) Rates() map[string]ledger.Quota {
	rates := map[string]ledger.Quota{}
	for _, name := range p.Jobs() {
		if rate := p.jobs[name].spec.Rate; rate > 0 {
			rates[name] = ledger.Quota(rate)
		}
	}
	return rates
}

// MaxBody returns the size of the largest body that starts a job, in bytes; 0 is the
// server's own limit.
func (p *Policy) MaxBody(job string) int {
	if !p.Configured() || p.jobs[job] == nil {
		return 0
	}
	return int(p.jobs[job].spec.MaxBody)
}

// Target returns the Cloud Run job behind a job: an ID, or a resource name.
func (p *Policy) Target(name string) string {
	if p.Configured() && p.jobs[name] != nil && p.jobs[name].spec.CloudRun != "" {
		return p.jobs[name].spec.CloudRun
	}
	return name
}

// Targets returns the Cloud Run jobs behind all jobs.
func (p *Policy) Targets() (targets []string) {
	for _, name := range p.Jobs() {
		targets = append(targets, p.Target(name))
	}
	return targets
}
