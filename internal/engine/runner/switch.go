package runner

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
)

// Switch is a Runner that hands each attempt to one of several. It adopts what the
// one adopts that has it.
type Switch struct {
	pick    func(*runpb.TaskTemplate) Runner
	runners []Runner

	mu    sync.Mutex
	owner map[ID]Runner // of attempts that were started here
}

// NewSwitch returns a Switch over the runners, of which pick chooses one for a
// template. They are the caller's to close.
func NewSwitch(pick func(*runpb.TaskTemplate) Runner, runners ...Runner) *Switch {
	return &Switch{pick: pick, runners: runners, owner: make(map[ID]Runner)}
}

// Check implements [Runner].
func (s *Switch) Check(template *runpb.TaskTemplate) error { return s.pick(template).Check(template) }

// Prepares implements [Preparer].
func (s *Switch) Prepares(template *runpb.TaskTemplate) bool {
	p, ok := s.pick(template).(Preparer)
	return ok && p.Prepares(template)
}

// Prepare implements [Preparer].
func (s *Switch) Prepare(ctx context.Context, template *runpb.TaskTemplate) error {
	if p, ok := s.pick(template).(Preparer); ok {
		return p.Prepare(ctx, template)
	}
	return nil
}

// Start implements [Runner]. What an earlier process placed stays with the runner that
// has it, also where another would be chosen now.
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
	s.mu.Lock()
	if owner := s.owner[spec.ID]; owner != nil {
		to = owner
	}
	s.owner[spec.ID] = to
	s.mu.Unlock()
	err := to.Start(ctx, spec, out)
	if err != nil {
		s.forget(spec.ID)
	}
	return err
}

// holder returns the runner that has something of an attempt, or nil.
func (s *Switch) holder(ctx context.Context, id ID) (Runner, error) {
	for _, r := range s.runners {
		ids, err := r.List(ctx)
		if err != nil {
			return nil, err
		}
		if slices.Contains(ids, id) {
			return r, nil
		}
	}
	return nil, nil
}

func (s *Switch) forget(id ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.owner, id)
}

// of returns the runners that may have an attempt.
func (s *Switch) of(id ID) []Runner {
	s.mu.Lock()
	defer s.mu.Unlock()
	if owner := s.owner[id]; owner != nil {
		return []Runner{owner}
	}
	return s.runners
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

// Stop implements [Runner].
func (s *Switch) Stop(ctx context.Context, id ID, grace time.Duration) error {
	var errs []error
	for _, r := range s.of(id) {
		errs = append(errs, r.Stop(ctx, id, grace))
	}
	return errors.Join(errs...)
}

// List implements [Runner]. Its order is that of [ID.String].
func (s *Switch) List(ctx context.Context) ([]ID, error) {
	var all []ID
	for _, r := range s.runners {
		ids, err := r.List(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, ids...)
	}
	slices.SortFunc(all, func(a, b ID) int { return strings.Compare(a.String(), b.String()) })
	return all, nil
}
