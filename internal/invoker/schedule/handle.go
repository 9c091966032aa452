package schedule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// handle handles the slot of an entry that is due, and sets when the entry is due next.
func (s *Schedules) handle(e *entry) {
	ctx, cancel := context.WithTimeout(s.closing, startTime)
	defer cancel()
	s.mu.Lock()
	plan, known, tries, trouble := e.plan, e.row, e.tries, e.trouble
	s.mu.Unlock()
	row, err := s.config.Store.Schedule(ctx, plan.name)
	if runwith.CodeOf(err) == runwith.NotFound {
		s.forget(e)
		return
	}
	if err == nil {
		row, err = s.advance(ctx, plan, row, trouble)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if row.Version > e.row.Version || err == nil && e.row.Version == known.Version { // or a request was faster
		e.row = row
	}
	if err == nil {
		e.tries, e.trouble = 0, nil
		e.wake = s.wakeOf(e)
		return
	}
	if s.closing.Err() == nil && tries == 0 {
		s.logger.Warn("slot of a schedule cannot be started yet, so it is tried again", "schedule", plan.name, "code", runwith.CodeOf(err), "error", err)
	}
	b := backoff.Backoff{Min: time.Second, Max: maxRetry}
	e.tries, e.trouble = tries+1, err
	e.wake = s.now().Add(max(b.After(tries), min(cause.RetryAfterOf(err), maxRetry)))
}

// maxRetry is the longest wait between two attempts to start a slot.
const maxRetry = time.Minute

// retries reports whether an entry keeps its time to try its slot again. It does not if that is too
// far away, because the clock was set back. The lock is held.
func (s *Schedules) retries(e *entry) bool { return e.tries > 0 && e.wake.Sub(s.now()) <= maxRetry }

// errChanged means that another process has changed a schedule.
var errChanged = runwith.Errorf(runwith.Unavailable, "another server has changed the schedule just now")

// forget drops an entry whose state is gone: another process has deleted the schedule.
func (s *Schedules) forget(e *entry) {
	s.mu.Lock()
	e.wake = time.Time{}
	s.mu.Unlock()
	s.reread()
}

// reread has the loop read the store.
func (s *Schedules) reread() {
	s.mu.Lock()
	s.changed = true
	s.mu.Unlock()
	s.ring()
}

// advance handles the latest slot that is due, and returns the state behind it. The error means
// that the slot waits. trouble is the error of the attempt before.
func (s *Schedules) advance(ctx context.Context, p *Plan, row ledger.Schedule, trouble error) (ledger.Schedule, error) {
	now := s.now()
	switch {
	case row.Paused || p.paused:
		return row, nil
	case row.Timing != p.timing(), p.outdated(row):
		s.reread()
		return row, errChanged
	}
	if row.Cursor.Sub(now) > setBack {
		s.logger.Warn("schedule goes on from now: its latest slot is in the future, so the clock was wrong", "schedule", p.name, "slot", row.Cursor)
		row, _, err := s.save(ctx, row.Restarted(row.Timing, now))
		return row, err
	}
	slot, missed := p.due(row.Cursor, now)
	if slot.IsZero() {
		return row, nil
	}
	late := now.Sub(p.start(slot))
	o := ledger.SlotOutcome{Slot: slot, Late: late > onTime}
	if late > p.catchUp {
		give(&o, trouble)
	} else if err := s.start(ctx, p, &o); err != nil {
		return row, err
	}
	o.At = ledger.Stored(s.now())
	next, saved, err := s.save(ctx, row.Handled(o, missed))
	if saved {
		s.report(p, o, missed)
	}
	return next, err
}

// save saves a state, and reports whether it did. If another process was faster, it returns the
// state that this one has left.
func (s *Schedules) save(ctx context.Context, row ledger.Schedule) (_ ledger.Schedule, saved bool, err error) {
	rows, err := s.config.Store.SaveSchedules(ctx, []ledger.Schedule{row})
	if err == nil && len(rows) == 0 {
		row, err = s.config.Store.Schedule(ctx, row.Name)
		return row, false, err
	}
	if err != nil {
		return row, false, err
	}
	return rows[0], true, nil
}

// start starts a slot, and notes what became of it. The error means that the slot waits.
func (s *Schedules) start(ctx context.Context, p *Plan, o *ledger.SlotOutcome) error {
	l := s.launch(p, o.Slot)
	i, _, err := s.launchAlone(ctx, p, l)
	before, overlaps := errors.AsType[overlapError](err)
	switch {
	case overlaps:
		o.Result, o.Invocation = ledger.SlotSkipped, before.id
	case err == nil:
		o.Result, o.Invocation = ledger.SlotStarted, i.ID
	case runwith.CodeOf(err) == runwith.AlreadyExists:
		// An interrupted attempt has started the slot, when the schedule asked for something else.
		o.Result = ledger.SlotStarted
	case transient(err) && !s.now().Add(cause.RetryAfterOf(err)).After(p.start(o.Slot).Add(p.catchUp)): // or it is of no use
		return err
	default:
		o.Result, o.Code, o.Message = ledger.SlotFailed, runwith.CodeOf(err).String(), messageOf(err)
	}
	return nil
}

// overlapError is why a schedule that skips does not start: an earlier invocation has not ended.
type overlapError struct{ id string }

func (e overlapError) Error() string { return "invocation " + e.id + " has not ended" }

// launchAlone launches, unless the schedule skips and an earlier invocation of it is unfinished: the
// error is ABORTED then, with an overlapError.
func (s *Schedules) launchAlone(ctx context.Context, p *Plan, l invoker.Launch) (i runwith.Invocation, replayed bool, err error) {
	if err = s.overlap(ctx, p, l); err != nil {
		return i, false, err
	}
	i, replayed, err = s.config.Starter.Launch(ctx, l)
	if runwith.CodeOf(err) == runwith.Aborted { // another launch may have been faster
		err = cmp.Or(s.overlap(ctx, p, l), err)
	}
	return i, replayed, err
}

// overlap returns why a schedule that skips cannot start now. A launch that repeats an earlier one
// can.
func (s *Schedules) overlap(ctx context.Context, p *Plan, l invoker.Launch) error {
	if !p.skips() {
		return nil
	}
	before, err := s.config.Store.List(ctx, store.Query{Source: ledger.ScheduleSource(p.name), Unfinished: true, Limit: 1})
	if err != nil || len(before) == 0 {
		return err
	}
	_, repeats, err := s.config.Starter.Launched(ctx, l)
	switch {
	case repeats || runwith.CodeOf(err) == runwith.AlreadyExists: // Launch answers with that
		return nil
	case err != nil:
		return err
	}
	return &runwith.Error{Code: runwith.Aborted, Err: overlapError{before[0].ID}, Message: fmt.Sprintf(
		"schedule %s: its invocation %s has not ended, and the schedule skips (overlap): cancel it, or wait for its end", p.name, before[0].ID)}
}

// launch returns the request for a slot. The store refuses a second one at the same moment if the
// schedule skips.
func (s *Schedules) launch(p *Plan, slot time.Time) invoker.Launch {
	l := invoker.Launch{
		Source: runwith.Source{Schedule: p.name, Slot: slot}, Job: p.spec.Job, Key: key(slot), KeyKeep: keyKeep,
		Asked: p.request(), Slot: p.slot(),
	}
	if p.skips() {
		l.Slot = ledger.Slot{Key: ledger.ScheduleSource(p.name), Limit: 1, Overflow: ledger.Rejecting}
	}
	return l
}

// transient reports whether a refusal may end by itself.
func transient(err error) bool {
	switch runwith.CodeOf(err) {
	case runwith.NotFound, runwith.InvalidArgument, runwith.PermissionDenied, runwith.AlreadyExists, runwith.FailedPrecondition, runwith.OutOfRange, runwith.Unimplemented, runwith.Unauthenticated:
		return false
	}
	return true
}
