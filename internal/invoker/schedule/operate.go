package schedule

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/principal"
)

// Most is how many slots [Schedules.Next] returns at most.
const Most = 1000

// mostMade bounds the schedules that the API can make.
const mostMade = 10_000

// List returns all schedules, by name.
func (s *Schedules) List(context.Context) ([]runwith.Schedule, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]runwith.Schedule, 0, len(s.entries))
	for _, name := range slices.Sorted(maps.Keys(s.entries)) {
		all = append(all, shown(s.entries[name]))
	}
	return all, nil
}

// Schedule returns a schedule, or NOT_FOUND.
func (s *Schedules) Schedule(_ context.Context, name string) (runwith.Schedule, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.entry(name)
	if err != nil {
		return runwith.Schedule{}, err
	}
	return shown(e), nil
}

// NotFound returns the error for a schedule that does not exist, or that the caller may not
// know.
func NotFound(name string) error { return store.NotFound("schedule " + jobspec.Quote(name)) }

// entry returns an entry by its name. The lock is held.
func (s *Schedules) entry(name string) (*entry, error) {
	if e := s.entries[name]; e != nil {
		return e, nil
	}
	return nil, NotFound(name)
}

// shown returns a schedule as people see it. The lock is held.
func shown(e *entry) runwith.Schedule {
	p, row := e.plan, e.row
	v := runwith.Schedule{
		Name: p.name, ScheduleSpec: p.spec, Origin: p.origin, Paused: row.Paused || p.paused, PausedByFile: p.paused,
		Slots: runwith.SlotCounts{Started: row.Counts.Started, Skipped: row.Counts.Skipped, Failed: row.Counts.Failed, Missed: row.Counts.Missed},
	}
	v.Zone, v.Overlap = p.zone.String(), cmp.Or(p.spec.Overlap, configfile.OverlapSkip)
	v.CatchUp = cmp.Or(p.spec.CatchUp, time.Duration(configfile.DefaultCatchUp).String())
	if !v.Paused {
		v.Next = p.next(row.Cursor)
	}
	if o := row.Last; o.Result != "" {
		v.Last = &runwith.Slot{Slot: o.Slot, At: o.At, Result: runwith.SlotResult(o.Result), Late: o.Late, Invocation: o.Invocation}
		if o.Code != "" {
			v.Last.Error = &runwith.Failure{Code: o.Code, Message: o.Message}
		}
	}
	if e.trouble != nil {
		v.Waiting = &runwith.Failure{Code: runwith.CodeOf(e.trouble).String(), Message: messageOf(e.trouble)}
	}
	return v
}

// Next returns the next slots of a schedule after now, also if it is paused.
func (s *Schedules) Next(_ context.Context, name string, count int) (slots []time.Time, err error) {
	if count < 1 || count > Most {
		return nil, jobspec.FieldErrorf(runwith.InvalidArgument, "count", "must be a number from 1 to %d", Most)
	}
	s.mu.Lock()
	e, err := s.entry(name)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	plan, from := e.plan, ledger.Later(e.row.Cursor, s.now())
	s.mu.Unlock()
	for range count {
		if from = plan.next(from); from.IsZero() {
			break
		}
		slots = append(slots, from)
	}
	return slots, nil
}

// Permit returns why a caller may not change a schedule of a job, or nil. A nil Permit allows every
// change. It is asked about the schedule that is changed, as the store has it: one of the same name
// may have been made in the meantime.
type Permit func(job string) error

// Pause makes the slots of a schedule start nothing, until somebody resumes it.
func (s *Schedules) Pause(ctx context.Context, name string, may Permit) (runwith.Schedule, error) {
	if err := s.refuseEphemeral(); err != nil {
		return runwith.Schedule{}, err
	}
	return s.change(ctx, name, may, func(_ *Plan, row ledger.Schedule) (ledger.Schedule, error) {
		row.Paused = true
		return row, nil
	})
}

// Resume ends a pause. The slots within the pause start nothing.
func (s *Schedules) Resume(ctx context.Context, name string, may Permit) (runwith.Schedule, error) {
	return s.change(ctx, name, may, func(p *Plan, row ledger.Schedule) (ledger.Schedule, error) {
		switch {
		case p.paused:
			return row, runwith.Errorf(runwith.FailedPrecondition, "schedule %s: the configuration file pauses it: remove paused there", name)
		case !row.Paused:
			return row, nil
		}
		row = row.Restarted(row.Timing, s.now())
		row.Paused = false
		return row, nil
	})
}

// Run starts the job of a schedule now. Its slot is now. The key is the caller's; an empty one
// is none. An unfinished invocation refuses it with ABORTED if the schedule skips.
func (s *Schedules) Run(ctx context.Context, name, callersKey string, may Permit) (_ runwith.Invocation, replayed bool, err error) {
	s.mu.Lock()
	e, err := s.entry(name)
	if err != nil {
		s.mu.Unlock()
		return runwith.Invocation{}, false, err
	}
	p := e.plan
	s.mu.Unlock()
	if err := may.allow(p.spec.Job); err != nil {
		return runwith.Invocation{}, false, err
	}
	l := s.launch(p, ledger.Stored(s.now()))
	l.Source.Manual, l.Key = true, ""
	who := principal.From(ctx)
	if callersKey != "" {
		l.Key = "run/" + ledger.KeyOf(who.Name, callersKey)
	}
	i, replayed, err := s.launchAlone(ctx, p, l)
	if err == nil && !replayed {
		s.logger.Info("schedule started by hand", "schedule", name, "job", l.Job, "invocation", i.ID, "by", fmt.Sprint(who))
	}
	return i, replayed, err
}

// allow asks the permit about a job.
func (may Permit) allow(job string) error {
	if may == nil {
		return nil
	}
	return may(job)
}

// allowed asks the permit about a schedule as the store has it. A state that is new, or has no
// schedule that can be read, is nobody's.
func (s *Schedules) allowed(row ledger.Schedule, may Permit) error {
	s.mu.Lock()
	plan := s.plans[row.Name]
	s.mu.Unlock()
	if plan != nil {
		return may.allow(plan.spec.Job)
	}
	var spec runwith.ScheduleSpec
	if len(row.Spec) > 0 && decodeSpec(row.Spec, &spec) == nil {
		return may.allow(spec.Job)
	}
	return nil
}

// changing is how often a change is tried again because another one was faster.
const changing = 10

// change changes the state of a schedule.
func (s *Schedules) change(ctx context.Context, name string, may Permit, by func(*Plan, ledger.Schedule) (ledger.Schedule, error)) (runwith.Schedule, error) {
	for range changing {
		s.mu.Lock()
		e, err := s.entry(name)
		if err != nil {
			s.mu.Unlock()
			return runwith.Schedule{}, err
		}
		plan := e.plan
		s.mu.Unlock()
		row, err := s.config.Store.Schedule(ctx, name)
		if err != nil {
			return runwith.Schedule{}, err
		}
		if err := s.allowed(row, may); err != nil {
			return runwith.Schedule{}, err
		}
		if row, err = by(plan, row); err != nil {
			return runwith.Schedule{}, err
		}
		saved, err := s.config.Store.SaveSchedules(ctx, []ledger.Schedule{row})
		if err != nil {
			return runwith.Schedule{}, err
		}
		if len(saved) > 0 {
			return s.take(e, saved[0]), nil
		}
	}
	return runwith.Schedule{}, runwith.Errorf(runwith.Aborted, "schedule %s was changed by another request at the same time: send the request again", name)
}

// take takes a saved state into use, unless a newer one is.
func (s *Schedules) take(e *entry, row ledger.Schedule) runwith.Schedule {
	s.mu.Lock()
	defer s.mu.Unlock()
	if row.Version > e.row.Version {
		e.row, e.tries, e.trouble = row, 0, nil
	}
	s.changed = s.changed || e.plan.outdated(row) // another process has replaced the schedule
	if !e.busy {
		e.wake = s.wakeOf(e)
	}
	s.moved = append(s.moved, e)
	s.ring()
	return shown(e)
}

// refuseEphemeral refuses changes that an ephemeral store would lose.
func (s *Schedules) refuseEphemeral() error {
	if s.config.Ephemeral {
		return runwith.Errorf(runwith.FailedPrecondition,
			"this server's store does not outlive a restart (--store=ephemeral), so schedules are changed in its configuration file only")
	}
	return nil
}
