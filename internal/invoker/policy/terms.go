package policy

import (
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/principal"
)

// Terms returns the terms under which a caller's request for a job is accepted. The caller
// must have the verb [Start] on the job; Terms does not check it.
//
// Errors name every faulty field: INVALID_ARGUMENT with [cause.Parameters] for parameters,
// PERMISSION_DENIED for overrides that the job does not allow, and the error of [Subscribers].
// The invoker checks the labels.
func (p *Policy) Terms(who principal.Principal, name string, asked runwith.Request) (invoker.Terms, error) {
	terms, err := p.terms(name, asked)
	if err != nil {
		return invoker.Terms{}, err
	}
	terms.Buckets = p.Buckets(who, name)
	terms.Subscribers, err = p.subscribed(name, terms.Labels, asked.Callback)
	return terms, err
}

func (p *Policy) terms(name string, asked runwith.Request) (invoker.Terms, error) {
	if !p.Configured() {
		return invoker.Unrestricted(asked), noParameters(asked.Parameters)
	}
	j := p.jobs[name]
	if j == nil {
		return invoker.Terms{}, NoJob(name)
	}
	if err := j.checkOverrides(asked.Overrides); err != nil {
		return invoker.Terms{}, err
	}
	values, err := j.values(asked.Parameters)
	if err != nil {
		return invoker.Terms{}, err
	}
	overrides, err := j.overrides(asked.Overrides, values)
	if err != nil {
		return invoker.Terms{}, err
	}
	labels, err := j.allLabels(asked.Labels, values)
	return invoker.Terms{
		Target: j.spec.CloudRun, Overrides: overrides, Slot: j.slot(values), Keep: time.Duration(j.spec.Keep),
		StartAt: asked.StartAt, Labels: labels,
	}, err
}

// NoJob returns the error for a job that does not exist, or that the caller may not know.
func NoJob(name string) error {
	return runwith.Errorf(runwith.NotFound, "there is no job %s", jobspec.Quote(name))
}

// Buckets returns the rates at which requests of a caller for a job are accepted.
func (p *Policy) Buckets(who principal.Principal, name string) (limits []ledger.RateLimit) {
	if !p.Configured() || who.Proof == principal.Local {
		return nil
	}
	caller := who.Name
	if caller == "" {
		caller = configfile.Anonymous
	}
	if rate := p.callers[who.Name].Rate; rate > 0 {
		limits = append(limits, ledger.RateLimit{Name: "caller/" + caller, Quota: ledger.Quota(rate)})
	}
	if j := p.jobs[name]; j != nil && j.spec.CallerRate > 0 {
		limits = append(limits, ledger.RateLimit{Name: "caller/" + caller + "/" + name, Quota: ledger.Quota(j.spec.CallerRate)})
	}
	return limits
}

// subscribed returns the endpoints that hear of the request's invocation.
func (p *Policy) subscribed(name string, labels map[string]string, callback *runwith.Callback) ([]ledger.Subscriber, error) {
	if p == nil || p.subscribers == nil {
		if callback != nil {
			return nil, jobspec.FieldErrorf(runwith.PermissionDenied, "callback.url", "this server sends no callbacks to URLs of requests: its configuration has no requestCallbacks")
		}
		return nil, nil
	}
	return p.subscribers.Subscribers(name, labels, callback)
}
