package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
)

// Switch is a Runner that hands each attempt to one of several. An attempt of an earlier
// process stays with the Runner that has it.
type Switch struct {
	pick    func(*runpb.TaskTemplate) Runner
	runners []Runner
	owned   Registry[owned]
}

// owned is an attempt and the Runner that it was handed to.
type owned struct {
	*Attempt
	by Runner
}

// NewSwitch returns a Switch over the runners. pick chooses one of them for a template.
// The caller closes them.
func NewSwitch(pick func(*runpb.TaskTemplate) Runner, runners ...Runner) *Switch {
	return &Switch{pick: pick, runners: runners}
}

// String implements [Runner].
func (s *Switch) String() string { return fmt.Sprint(s.runners) }

// Capabilities implements [Runner].
func (s *Switch) Capabilities(template *runpb.TaskTemplate) (c Capabilities) {
	if template != nil {
		return s.pick(template).Capabilities(template)
	}
	for _, r := range s.runners {
		one := r.Capabilities(nil)
		c.Prepares = c.Prepares || one.Prepares
		c.Outlives = c.Outlives || one.Outlives
		c.Capacity = max(c.Capacity, one.Capacity)
	}
	return c
}

// Check implements [Runner].
func (s *Switch) Check(template *runpb.TaskTemplate) error { return s.pick(template).Check(template) }

// Prepare implements [Runner].
func (s *Switch) Prepare(ctx context.Context, template *runpb.TaskTemplate) error {
	return s.pick(template).Prepare(ctx, template)
}

// Start implements [Runner].
func (s *Switch) Start(ctx context.Context, spec Spec, out Output) error {
	to := s.pick(spec.Template)
	if spec.Resume {
		holder, err := s.holder(ctx, spec.ID)
		if err != nil {
			return err
		}
		if holder != nil {
			to = holder
		}
	}
	a, first, err := s.owned.Claim(owned{NewAttempt(spec.ID), to})
	if err != nil {
		return err
	}
	if err := a.by.Start(ctx, spec, out); err != nil {
		if first {
			s.owned.Forget(a)
		}
		return err
	}
	return nil
}

// holder returns the Runner that has an attempt of an earlier process, or nil. A Runner
// that cannot list its attempts may have it, so that the error is UNAVAILABLE then.
func (s *Switch) holder(ctx context.Context, id ID) (Runner, error) {
	var unknown error
	for _, r := range s.runners {
		ids, err := list(ctx, r)
		if slices.Contains(ids, id) {
			return r, nil
		}
		unknown = errors.Join(unknown, err)
	}
	if unknown != nil {
		return nil, &runwith.Error{
			Code: runwith.Unavailable, Message: "cannot tell whether the task still runs from before the restart: " + unknown.Error(), Err: unknown,
		}
	}
	return nil, nil //nolint:nilnil // no Runner has it, and that is known
}

// of returns the Runners that may have an attempt.
func (s *Switch) of(id ID) []Runner {
	if a, ok := s.owned.Find(id); ok {
		return []Runner{a.by}
	}
	return s.runners
}

// forget forgets an attempt that its Runner has forgotten.
func (s *Switch) forget(id ID) {
	if a, ok := s.owned.Find(id); ok {
		s.owned.Forget(a)
	}
}

// Running implements [Runner].
func (s *Switch) Running(ctx context.Context, id ID) (began time.Time, err error) {
	for _, r := range s.of(id) {
		began, err = r.Running(ctx, id)
		if errors.Is(err, ErrLost) {
			continue
		}
		if err != nil && ctx.Err() == nil {
			s.forget(id) // it cannot start, and its Runner has forgotten it
		}
		return began, err
	}
	return began, err
}

// Waiting implements [Runner].
func (s *Switch) Waiting(id ID) (why string) {
	for _, r := range s.of(id) {
		if why = r.Waiting(id); why != "" {
			break
		}
	}
	return why
}

// Wait implements [Runner].
func (s *Switch) Wait(ctx context.Context, id ID) (Result, error) {
	for _, r := range s.of(id) {
		result, err := r.Wait(ctx, id)
		if err == nil {
			s.forget(id)
		}
		if !errors.Is(err, ErrLost) {
			return result, err
		}
	}
	s.forget(id)
	return Result{}, ErrLost
}

// Release implements [Runner].
func (s *Switch) Release(id ID) {
	for _, r := range s.of(id) {
		r.Release(id)
	}
}

// Stop implements [Runner].
func (s *Switch) Stop(ctx context.Context, id ID, grace time.Duration) error {
	var errs []error
	for _, r := range s.of(id) {
		errs = append(errs, r.Stop(ctx, id, grace))
	}
	return errors.Join(errs...)
}

// Detach implements [Runner].
func (s *Switch) Detach(ctx context.Context, id ID) error {
	a, ok := s.owned.Find(id)
	if !ok {
		return ErrLost
	}
	if err := a.by.Detach(ctx, id); err != nil {
		return err
	}
	s.owned.Forget(a)
	return nil
}

// List implements [Runner]. Its error names each Runner that does not answer.
func (s *Switch) List(ctx context.Context) ([]ID, error) {
	var (
		all  []ID
		errs []error
	)
	for _, r := range s.runners {
		ids, err := list(ctx, r)
		all, errs = append(all, ids...), append(errs, err)
	}
	return SortIDs(all), errors.Join(errs...)
}

// list lists the attempts of a Runner, whose name is in the error.
func list(ctx context.Context, r Runner) ([]ID, error) {
	ids, err := r.List(ctx)
	if err != nil {
		return ids, fmt.Errorf("%v: %w", r, err)
	}
	return ids, nil
}
