package policy

import (
	"slices"

	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/principal"
)

// Verb is something that a caller may do with a job.
type Verb string

// The verbs.
const (
	// Start: start the job, and see and cancel one's own invocations.
	Start Verb = "start"
	// View: see all invocations of the job, and their output.
	View Verb = "view"
	// Cancel: see and cancel all invocations of the job.
	Cancel Verb = "cancel"
	// Values: see values of variables and parameters, and lines of standard error.
	Values Verb = "values"
	// Operate: see all invocations of the job and settle unresolved ones. On [EveryJob]: tick,
	// metrics and callbacks.
	Operate Verb = "operate"
)

// Verbs returns all verbs.
func Verbs() []Verb { return []Verb{Start, View, Cancel, Values, Operate} }

// EveryJob stands for all jobs: it has the verbs that a caller has on every job, also on
// those that are not configured.
const EveryJob = ""

// Allows reports whether a caller has a verb on a job.
//
// The user of a development server has every verb. A configured caller has those of its own
// grants on every job, and those that a job grants it. A caller without a credential has
// those that a job grants to anonymous. It has every verb but [Values] in a server
// without a configuration and, if the configuration has no callers, on the jobs without grants.
func (p *Policy) Allows(who principal.Principal, job string, verb Verb) bool {
	switch {
	case who.Proof == principal.Local:
		return true
	case !p.Configured():
		return verb != Values
	case who.Name == "":
		return p.allowsAnonymous(job, verb)
	}
	caller, known := p.callers[who.Name]
	return known && (has(caller.Grants, verb) || has(p.grants(job)[who.Name], verb))
}

func (p *Policy) allowsAnonymous(job string, verb Verb) bool {
	grants := p.grants(job)
	if len(p.callers) == 0 && len(grants) == 0 {
		return verb != Values && (job == EveryJob || p.jobs[job] != nil)
	}
	return has(grants[configfile.Anonymous], verb)
}

// grants returns what a job grants, by caller.
func (p *Policy) grants(job string) map[string][]string {
	if found := p.jobs[job]; found != nil {
		return found.spec.Grants
	}
	return nil
}

func has(grants []string, verb Verb) bool { return slices.Contains(grants, string(verb)) }

// Sees reports whether a caller may know that a job exists.
func (p *Policy) Sees(who principal.Principal, job string) bool {
	if p.Configured() && p.jobs[job] == nil {
		return false
	}
	return slices.ContainsFunc(Verbs(), func(v Verb) bool { return p.Allows(who, job, v) })
}

// Knows reports whether the configuration has a caller of this name.
func (p *Policy) Knows(name string) bool {
	if !p.Configured() {
		return false
	}
	_, known := p.callers[name]
	return known
}

// Verbs returns the verbs that a caller has on a job.
func (p *Policy) Verbs(who principal.Principal, job string) (verbs []string) {
	for _, v := range Verbs() {
		if p.Allows(who, job, v) {
			verbs = append(verbs, string(v))
		}
	}
	return verbs
}
