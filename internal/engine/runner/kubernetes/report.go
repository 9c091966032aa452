package kubernetes

import (
	"slices"
	"strings"
	"time"

	"github.com/runwith/runwith/internal/engine/runner"
)

// report reports that the attempt runs, and reads the logs of containers that have begun.
func (s *supervisor) report(v verdict) {
	if !v.began.IsZero() {
		s.a.Runs(s.a.begins(v.began))
	}
	if v.why != "" {
		s.tell(v.why)
	}
	s.a.mu.Lock()
	defer s.a.mu.Unlock()
	for _, c := range v.containers {
		if c.started && s.a.readers[c.name] == nil {
			s.read(c)
		}
		if ended := s.a.readers[c.name]; ended != nil && (c.ended || v.over) && !runner.IsClosed(ended) {
			close(ended)
		}
	}
}

// begins returns when the main container started, by this machine's clock.
func (a *attempt) begins(started time.Time) time.Time {
	now := time.Now()
	if !a.left && started.Before(a.seen) {
		return a.seen
	}
	if started.After(now) {
		return now
	}
	return started
}

// tell logs a new reason to wait once for all attempts.
func (s *supervisor) tell(why string) {
	reason, _, _ := strings.Cut(why, ":")
	s.mu.Lock()
	told := s.told[reason]
	s.told[reason] = true
	s.mu.Unlock()
	if !told {
		s.log.Info("a task's Pod waits", "pod", s.a.pod, "reason", why)
	}
}

// read begins to read the log of a container, if it is one of the template's. The caller
// holds the attempt's mu.
func (s *supervisor) read(c containerState) {
	container := c.name
	i := slices.Index(s.a.names, container)
	if i < 0 {
		return
	}
	ended := make(chan struct{})
	s.a.readers[container] = ended
	reader := &logReader{
		client: s.client, pod: s.a.pod, container: container, out: s.a.out.Of(i), ended: ended, started: c.since,
		adopted: s.a.left, resume: s.a.left || s.a.ID.Incarnation > 0, record: s.recordOf(s.a, container), log: s.log,
		apart: s.apart,
	}
	a := s.a
	a.following.Add(1)
	s.background.Go(func() {
		defer a.following.Done()
		defer func() { a.noteStderr(container, reader.stderrLines) }()
		if err := reader.run(a.Life); err != nil && a.Life.Err() == nil {
			s.log.Error("read output of attempt", "attempt", a.ID.String(), "container", container, "error", err)
		}
	})
}
