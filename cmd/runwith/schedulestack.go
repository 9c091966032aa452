package main

import (
	"log/slog"

	"github.com/runwith/runwith/internal/invoker/access"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/policy"
	"github.com/runwith/runwith/internal/invoker/schedule"
)

// openSchedules begins to start jobs by the clock, as access allows.
func (s *invokerStack) openSchedules(starter *access.Access, current func() *policy.Policy, ephemeral bool, logger *slog.Logger) (err error) {
	c := schedule.Config{
		Store: s.store, Starter: starter, Policy: func() schedule.Policy { return current() },
		Ready: s.invoker.Rebuilt(), Ephemeral: ephemeral, Logger: logger,
	}
	if s.callers != nil {
		c.Plans, c.Configured = *s.callers.plans.Load(), true
	}
	if s.schedules, err = schedule.Open(c); err != nil {
		return err
	}
	s.delivering.schedules = s.schedules
	if s.callers != nil {
		s.callers.schedules.Store(s.schedules)
	}
	return nil
}

// compileSchedules compiles the schedules of a file. Nil is the policy of a file with mistakes,
// which checks nothing.
func compileSchedules(file *configfile.File, p *policy.Policy) (map[string]*schedule.Plan, error) {
	if p == nil {
		return schedule.Compile(file, nil)
	}
	return schedule.Compile(file, p)
}
