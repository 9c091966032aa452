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
	next   Changeable
}

var _ api.Schedules = (*Schedules)(nil)

// Changeable are schedules that ask before each change whether the caller may make it.
type Changeable interface {
	// List, Schedule and Next are those of [api.Schedules].
	List(ctx context.Context) ([]runwith.Schedule, error)
	Schedule(ctx context.Context, name string) (runwith.Schedule, error)
	Next(ctx context.Context, name string, count int) ([]time.Time, error)
	// The others are too, but each asks may about the schedule that it changes or runs.
	Put(ctx context.Context, name string, spec runwith.ScheduleSpec, may schedule.Permit) (_ runwith.Schedule, created bool, err error)
	Delete(ctx context.Context, name string, may schedule.Permit) error
	Pause(ctx context.Context, name string, may schedule.Permit) (runwith.Schedule, error)
	Resume(ctx context.Context, name string, may schedule.Permit) (runwith.Schedule, error)
	Run(ctx context.Context, name, key string, may schedule.Permit) (_ runwith.Invocation, replayed bool, err error)
}

var _ Changeable = (*schedule.Schedules)(nil)

// NewSchedules returns schedules in front of next.
func NewSchedules(next Changeable, a *Access) *Schedules { return &Schedules{a, next} }

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

// permit allows what needs some verbs on the job of a schedule, if the caller may see it.
func (r reader) permit(name string, verbs ...policy.Verb) schedule.Permit {
	return func(job string) error {
		if !r.Sees(r.who, job) {
			return schedule.NotFound(name)
		}
		for _, verb := range verbs {
			if !r.has(job, verb) {
				return r.denied(job, verb)
			}
		}
		return nil
	}
}

// see returns a schedule if the caller may see it.
func (s *Schedules) see(ctx context.Context, name string) (reader, runwith.Schedule, error) {
	r := s.access.reader(ctx)
	found, err := s.next.Schedule(ctx, name)
	if err == nil {
		err = r.permit(name)(found.Job)
	}
	if err != nil {
		return r, runwith.Schedule{}, err
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
	r := s.access.reader(ctx)
	paused, err := s.next.Pause(ctx, name, r.permit(name, policy.Operate))
	return r.schedule(paused), err
}

// Resume implements [api.Schedules].
func (s *Schedules) Resume(ctx context.Context, name string) (runwith.Schedule, error) {
	r := s.access.reader(ctx)
	resumed, err := s.next.Resume(ctx, name, r.permit(name, policy.Operate))
	return r.schedule(resumed), err
}

// Run implements [api.Schedules].
func (s *Schedules) Run(ctx context.Context, name, key string) (_ runwith.Invocation, replayed bool, err error) {
	r := s.access.reader(ctx)
	i, replayed, err := s.next.Run(ctx, name, key, r.permit(name, policy.Start))
	return r.shown(i), replayed, err
}

// Put implements [api.Schedules].
func (s *Schedules) Put(ctx context.Context, name string, spec runwith.ScheduleSpec) (_ runwith.Schedule, created bool, err error) {
	r := s.access.reader(ctx)
	// The job is checked first. Otherwise a caller who may not make the schedule could tell a
	// hidden name from an unused one. Put refuses a schedule without a job.
	if spec.Job != "" {
		if err := s.mayMake(ctx, r, spec.Job); err != nil {
			return runwith.Schedule{}, false, err
		}
	}
	made, created, err := s.next.Put(ctx, name, spec, r.permit(name, policy.Start, policy.Operate))
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
	return s.next.Delete(ctx, name, s.access.reader(ctx).permit(name, policy.Start, policy.Operate))
}
