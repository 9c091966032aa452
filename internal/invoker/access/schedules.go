package access

import (
	"context"
	"slices"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/api"
	"github.com/runwith/runwith/internal/invoker/policy"
	"github.com/runwith/runwith/internal/invoker/schedule"
)

// Schedules are the schedules that a caller may see: those of the jobs on which it has a verb.
// To change one, it needs operate on the job; to start one by hand, start; and to make one,
// both.
type Schedules struct {
	access *Access
	next   api.Schedules
}

var _ api.Schedules = (*Schedules)(nil)

// NewSchedules returns schedules in front of next.
func NewSchedules(next api.Schedules, a *Access) *Schedules { return &Schedules{a, next} }

// List implements [api.Schedules].
func (s *Schedules) List(ctx context.Context) ([]runwith.Schedule, error) {
	r := s.access.reader(ctx)
	all, err := s.next.List(ctx)
	all = slices.DeleteFunc(all, func(one runwith.Schedule) bool { return !r.Sees(r.who, one.Job) })
	for i := range all {
		all[i] = r.schedule(all[i])
	}
	return all, err
}

// schedule returns a schedule as the caller may see it.
func (r reader) schedule(s runwith.Schedule) runwith.Schedule {
	if r.has(s.Job, policy.Values) {
		return s
	}
	q := runwith.Request{Parameters: s.Parameters}
	if s.Overrides != nil {
		q.Overrides = *s.Overrides
	}
	q = *maskRequest(q)
	s.Parameters = q.Parameters
	if s.Overrides != nil {
		s.Overrides = &q.Overrides
	}
	return s
}

// see returns a schedule if the caller may see it and has the verbs on its job.
func (s *Schedules) see(ctx context.Context, name string, verbs ...policy.Verb) (reader, runwith.Schedule, error) {
	r := s.access.reader(ctx)
	found, err := s.next.Schedule(ctx, name)
	switch {
	case err != nil:
		return r, found, err
	case !r.Sees(r.who, found.Job):
		return r, runwith.Schedule{}, schedule.NotFound(name)
	}
	for _, verb := range verbs {
		if !r.has(found.Job, verb) {
			return r, runwith.Schedule{}, r.denied(found.Job, verb)
		}
	}
	return r, found, nil
}

// Schedule implements [api.Schedules].
func (s *Schedules) Schedule(ctx context.Context, name string) (runwith.Schedule, error) {
	r, found, err := s.see(ctx, name)
	return r.schedule(found), err
}

// Next implements [api.Schedules].
func (s *Schedules) Next(ctx context.Context, name string, count int) ([]time.Time, error) {
	if _, _, err := s.see(ctx, name); err != nil {
		return nil, err
	}
	return s.next.Next(ctx, name, count)
}

// Pause implements [api.Schedules].
func (s *Schedules) Pause(ctx context.Context, name string) (runwith.Schedule, error) {
	r, _, err := s.see(ctx, name, policy.Operate)
	if err != nil {
		return runwith.Schedule{}, err
	}
	paused, err := s.next.Pause(ctx, name)
	return r.schedule(paused), err
}

// Resume implements [api.Schedules].
func (s *Schedules) Resume(ctx context.Context, name string) (runwith.Schedule, error) {
	r, _, err := s.see(ctx, name, policy.Operate)
	if err != nil {
		return runwith.Schedule{}, err
	}
	resumed, err := s.next.Resume(ctx, name)
	return r.schedule(resumed), err
}

// Run implements [api.Schedules].
func (s *Schedules) Run(ctx context.Context, name, key string) (_ runwith.Invocation, replayed bool, err error) {
	r, _, err := s.see(ctx, name, policy.Start)
	if err != nil {
		return runwith.Invocation{}, false, err
	}
	i, replayed, err := s.next.Run(ctx, name, key)
	return r.shown(i), replayed, err
}

// Put implements [api.Schedules].
func (s *Schedules) Put(ctx context.Context, name string, spec runwith.ScheduleSpec) (_ runwith.Schedule, created bool, err error) {
	if spec.Job == "" {
		return s.next.Put(ctx, name, spec) // refuses it, whether there is a schedule or not
	}
	// The job is checked first. Otherwise a caller who may not make the schedule could tell a
	// hidden name from an unused one.
	if err := s.mayMake(ctx, s.access.reader(ctx), spec.Job); err != nil {
		return runwith.Schedule{}, false, err
	}
	r, _, err := s.see(ctx, name, policy.Start, policy.Operate)
	if err != nil && runwith.CodeOf(err) != runwith.NotFound {
		return runwith.Schedule{}, false, err
	}
	if runwith.CodeOf(err) == runwith.NotFound {
		if _, hidden := s.next.Schedule(ctx, name); hidden == nil {
			return runwith.Schedule{}, false, err
		}
	}
	made, created, err := s.next.Put(ctx, name, spec)
	return r.schedule(made), created, err
}

// mayMake returns nil if the caller may make schedules of a job. Cloud Run must have the job,
// as far as it can be asked.
func (s *Schedules) mayMake(ctx context.Context, r reader, job string) error {
	if !r.Sees(r.who, job) {
		return policy.NoJob(job)
	}
	for _, verb := range []policy.Verb{policy.Start, policy.Operate} {
		if !r.has(job, verb) {
			return r.denied(job, verb)
		}
	}
	if _, err := s.access.Job(ctx, job); runwith.CodeOf(err) == runwith.NotFound || runwith.CodeOf(err) == runwith.InvalidArgument {
		return err
	}
	return nil
}

// Delete implements [api.Schedules].
func (s *Schedules) Delete(ctx context.Context, name string) error {
	if _, _, err := s.see(ctx, name, policy.Start, policy.Operate); err != nil {
		return err
	}
	return s.next.Delete(ctx, name)
}
