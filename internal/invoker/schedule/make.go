package schedule

import (
	"cmp"
	"context"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/jobspec"
)

// Put makes a schedule, or replaces one that the API has made, and reports whether it is new.
// Errors: INVALID_ARGUMENT with every faulty field, the policy's refusal of the request,
// the permit's, and FAILED_PRECONDITION for a schedule of the configuration.
func (s *Schedules) Put(ctx context.Context, name string, spec runwith.ScheduleSpec, may Permit) (_ runwith.Schedule, created bool, err error) {
	if err := s.refuseEphemeral(); err != nil {
		return runwith.Schedule{}, false, err
	}
	plan, err := s.check(name, spec)
	if err != nil {
		return runwith.Schedule{}, false, err
	}
	s.making.Lock()
	defer s.making.Unlock()
	for range changing {
		row, err := s.config.Store.Schedule(ctx, name)
		if err != nil && runwith.CodeOf(err) != runwith.NotFound {
			return runwith.Schedule{}, false, err
		}
		row.Name = name
		if err := s.allowed(row, may); err != nil {
			return runwith.Schedule{}, false, err
		}
		if err := cmp.Or(s.refuseFile(name, "changed"), s.roomFor(name)); err != nil {
			return runwith.Schedule{}, false, err
		}
		row.Spec = plan.text
		if row.Timing != plan.timing() {
			row = row.Restarted(plan.timing(), s.now())
		}
		saved, err := s.config.Store.SaveSchedules(ctx, []ledger.Schedule{row})
		if err != nil {
			return runwith.Schedule{}, false, err
		}
		if len(saved) > 0 {
			return s.use(plan, saved[0]), row.Version == 0, nil
		}
	}
	return runwith.Schedule{}, false, runwith.Errorf(runwith.Aborted, "schedule %s was changed by another request at the same time: send the request again", name)
}

// check compiles a schedule of the API, and has the policy check its request.
func (s *Schedules) check(name string, spec runwith.ScheduleSpec) (*Plan, error) {
	var v jobspec.Violations
	if !names.MatchString(name) {
		v.Root().Field("name").Addf("must be lower-case letters, digits and hyphens, a letter first, no hyphen last, at most 63")
	}
	if spec.Job == "" {
		v.Root().Field("job").Addf("is required")
	}
	plan := compile(name, spec, runwith.OriginAPI, func(field, format string, args ...any) { v.Root().Field(field).Addf(format, args...) })
	if err := v.Err(); err != nil {
		return nil, err
	}
	if err := jobspec.ValidateJobID(spec.Job); err != nil {
		return nil, err
	}
	if err := ledger.CheckLabels(spec.Labels); err != nil {
		return nil, err
	}
	plan.text = encodeSpec(spec)
	return plan, s.checkTerms(plan)
}

// checkTerms has the policy check the request of a plan.
func (s *Schedules) checkTerms(p *Plan) error {
	if s.config.Policy == nil {
		return nil
	}
	policy := s.config.Policy()
	if policy == nil {
		return nil
	}
	terms, err := policy.Terms(p.principal(), p.spec.Job, p.request())
	if err == nil && p.slot().Key != "" && terms.Slot.Key != "" {
		return jobspec.FieldErrorf(runwith.InvalidArgument, "overlap", "%s", ownConcurrency(p))
	}
	return err
}

// use takes a saved schedule of the API into use.
func (s *Schedules) use(p *Plan, row ledger.Schedule) runwith.Schedule {
	s.mu.Lock()
	e := s.entries[p.name]
	if e == nil {
		e = &entry{index: -1}
		s.entries[p.name] = e
	}
	e.plan = p
	s.mu.Unlock()
	return s.take(e, row)
}

// refuseFile refuses to change a schedule of the configuration.
func (s *Schedules) refuseFile(name, what string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.plans[name] != nil {
		return runwith.Errorf(runwith.FailedPrecondition, "schedule %s: the configuration file has it, so it is %s there; it can be paused here", name, what)
	}
	return nil
}

// roomFor refuses one schedule too many.
func (s *Schedules) roomFor(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if made := len(s.entries) - len(s.plans); s.entries[name] == nil && made >= mostMade {
		return runwith.Errorf(runwith.ResourceExhausted, "schedules: there are %d that the API has made, which is the limit: delete some", made)
	}
	return nil
}

// Delete deletes a schedule that the API has made. Its invocations stay.
func (s *Schedules) Delete(ctx context.Context, name string, may Permit) error {
	s.making.Lock()
	defer s.making.Unlock()
	for range changing {
		row, err := s.config.Store.Schedule(ctx, name)
		if err != nil && runwith.CodeOf(err) != runwith.NotFound {
			return err
		}
		row.Name = name
		if err := s.allowed(row, may); err != nil {
			return err
		}
		if err := s.refuseFile(name, "deleted"); err != nil {
			return err
		}
		if row.Version == 0 {
			return NotFound(name)
		}
		removed, err := s.config.Store.RemoveSchedule(ctx, name, row.Version)
		if err != nil {
			return err
		}
		if removed {
			s.remove(name)
			return nil
		}
	}
	return runwith.Errorf(runwith.Aborted, "schedule %s was changed by another request at the same time: send the request again", name)
}

// remove drops an entry.
func (s *Schedules) remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[name]; e != nil {
		e.gone = true
		delete(s.entries, name)
		s.moved = append(s.moved, e)
	}
	s.ring()
}
