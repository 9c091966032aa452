package schedule

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/schedule/cron"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/principal"
)

// Policy decides about requests of schedules.
type Policy interface {
	// Terms returns the terms for a request for a job, or why it is refused.
	Terms(who principal.Principal, job string, asked runwith.Request) (invoker.Terms, error)
}

// faultFunc notes a fault of a field.
type faultFunc func(field, format string, args ...any)

// compile compiles a schedule, and notes its faults.
func compile(name string, spec runwith.ScheduleSpec, origin runwith.Origin, fault faultFunc) *Plan {
	p := &Plan{name: name, spec: spec, origin: origin}
	var err error
	if p.line, err = cron.Parse(spec.Cron); err != nil {
		fault("cron", "%v", err)
	}
	if p.zone, err = zoneOf(spec.Zone); err != nil {
		fault("zone", "%v", err)
	}
	window, err := windowOf(spec.CatchUp)
	if err != nil {
		fault("catchUp", "%v", err)
	}
	p.catchUp = max(time.Duration(window), onTime)
	p.compileJitter(fault)
	switch spec.Overlap {
	case "", configfile.OverlapSkip, configfile.OverlapQueue, configfile.OverlapReplace, configfile.OverlapAllow:
	default:
		fault("overlap", "must be skip, queue, replace or allow")
	}
	return p
}

func zoneOf(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return time.UTC, errors.New("there is no zone " + jobspec.Quote(name) + ": write an IANA zone such as Europe/Berlin, America/New_York or UTC")
	}
	return zone, nil
}

func windowOf(text string) (configfile.Window, error) {
	if text == "" {
		return configfile.DefaultCatchUp, nil
	}
	return configfile.ParseWindow(text)
}

// looked is how many slots are looked at for the shortest time between two.
const looked = 50

// compileJitter reads the jitter. A start must not come after the next slot.
func (p *Plan) compileJitter(fault faultFunc) {
	if p.spec.Jitter == "" {
		return
	}
	jitter, err := time.ParseDuration(p.spec.Jitter)
	if err != nil || jitter < 0 {
		fault("jitter", "must be a time such as 30s")
		return
	}
	p.jitter = jitter
	slot := p.next(time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC))
	for range looked {
		next := p.next(slot)
		if between := next.Sub(slot); !next.IsZero() && between <= jitter {
			fault("jitter", "must be shorter than the time between two slots, which is %v", between)
			return
		}
		slot = next
	}
}

// names are the names that schedules may have.
var names = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)

// checkTerms has the policy check the request of a plan.
func (p *Plan) checkTerms(policy Policy, fault faultFunc) {
	terms, err := policy.Terms(p.principal(), p.spec.Job, p.request())
	switch {
	case err != nil:
		fault(fieldOf(err), "%s", messageOf(err))
	case p.slot().Key != "" && terms.Slot.Key != "":
		fault("overlap", "%s", ownConcurrency(p))
	}
}

// ownConcurrency says why a schedule cannot bound the invocations of its job.
func ownConcurrency(p *Plan) string {
	return p.spec.Overlap + " is not possible, because the job has its own concurrency, which decides: use allow"
}

// principal owns the invocations of the schedule.
func (p *Plan) principal() principal.Principal {
	return principal.Principal{Name: ledger.ScheduleSource(p.name), Proof: principal.Configuration}
}

// fieldOf returns the field of a schedule that an error of a request is about.
func fieldOf(err error) string {
	switch code := runwith.CodeOf(err); {
	case cause.KindOf(err) == cause.Parameters:
		return "parameters"
	case code == runwith.PermissionDenied:
		return "overrides"
	case code == runwith.NotFound:
		return "job"
	}
	return ""
}

// messageOf returns the part of an error that callers may see.
func messageOf(err error) string {
	if shown, ok := errors.AsType[*runwith.Error](err); ok {
		return shown.Message
	}
	return "cannot be checked"
}

// Compile compiles the schedules of a configuration. The error is [*configfile.FaultsError]
// with all faults.
func Compile(file *configfile.File, policy Policy) (map[string]*Plan, error) {
	check, plans := file.Check(), map[string]*Plan{}
	for _, name := range slices.Sorted(maps.Keys(file.Schedules)) {
		s, at := file.Schedules[name], configfile.Path("schedules").Field(name)
		faults := 0
		fault := func(field, format string, args ...any) {
			faults++
			if field != "" {
				check.Addf(at.Field(field), format, args...)
			} else {
				check.Addf(at, format, args...)
			}
		}
		p := compile(name, specOf(s), runwith.OriginFile, fault)
		p.paused = s.Paused
		job, known := file.Jobs[s.Job]
		checkLabels(s, job, fault)
		if known && policy != nil && faults == 0 {
			p.checkTerms(policy, fault)
		}
		plans[name] = p
	}
	return plans, check.Err()
}

// checkLabels refuses labels of a schedule that its job sets.
func checkLabels(s configfile.Schedule, job configfile.Job, fault faultFunc) {
	for _, label := range slices.Sorted(maps.Keys(s.Labels)) {
		if _, set := job.Labels[label]; set {
			fault("labels."+label, "is set by the job %s, from its parameters: leave it out", s.Job)
		}
	}
}

// specOf returns the schedule of a configuration in the words of the API.
func specOf(s configfile.Schedule) runwith.ScheduleSpec {
	spec := runwith.ScheduleSpec{
		Cron: s.Cron, Zone: s.Zone, Job: s.Job, Parameters: s.Parameters, Labels: s.Labels, Overlap: s.Overlap,
		CatchUp: durationText(max(0, time.Duration(s.CatchUp)), s.CatchUp != 0), Jitter: durationText(time.Duration(s.Jitter), s.Jitter != 0),
	}
	o := runwith.Overrides{Args: s.Overrides.Args, Env: s.Overrides.Env, TaskCount: s.Overrides.TaskCount, Timeout: time.Duration(s.Overrides.Timeout)}
	if o.Args != nil || len(o.Env) > 0 || o.TaskCount > 0 || o.Timeout > 0 {
		spec.Overrides = &o
	}
	return spec
}

func durationText(d time.Duration, given bool) string {
	if !given {
		return ""
	}
	return d.String()
}
