package kubernetes

import (
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// sideGrace is how much longer than its grace the other containers of a task may run after
// the main one, before the Runner deletes the Pod.
const sideGrace = 5 * time.Second

// forcePatience is how long the node of a Pod has to end it, if somebody deleted the Pod by force.
// After that the node is taken for dead.
const forcePatience = 30 * time.Second

// supervisor takes one attempt from its placing to its end.
type supervisor struct {
	*Runner
	a         *attempt
	fault     error     // why the attempt is given up; nil while it is not
	deleted   bool      // the Runner has deleted the Pod
	pending   time.Time // since when the Pod waits for a node or an image
	doubtful  time.Time // since when the Pod has a fault that may pass; zero if it has none
	closing   time.Time // since when only other containers run
	forced    time.Time // since when the Pod is deleted by force
	retry     backoff.Backoff
	notBefore time.Time // of the next request
}

// supervise returns when the attempt has ended, and its output is written. If the Runner
// lets go of the attempt first, the Pod stays.
func (r *Runner) supervise(a *attempt) {
	defer a.LetGo()
	s := &supervisor{Runner: r, a: a, pending: a.seen, retry: removeBackoff()}
	if v, _ := a.now(); a.left {
		s.resume(v)
	}
	for {
		v, news := a.now()
		s.report(v)
		if v.over {
			s.finish(v)
			return
		}
		timer := time.NewTimer(s.act(v))
		select {
		case <-news:
		case <-timer.C:
		case <-a.Life.Done():
			timer.Stop()
			s.finish(v)
			return
		}
		timer.Stop()
	}
}

// act sends the request that is due, if one is, and returns how long to wait for news.
func (s *supervisor) act(v verdict) time.Duration {
	wait := s.judgePatience(v)
	send := s.due(v)
	if send == nil {
		return wait
	}
	if pause := time.Until(s.notBefore); pause > 0 {
		return pause // wait may be over already
	}
	err := send()
	switch {
	case s.a.Life.Err() != nil:
		return wait
	case err == nil && !s.nodeIsDead(v):
		s.retry.Reset()
		return wait
	case err == nil, kube.IsNotFound(err), kube.IsConflict(err):
		// Without our finalizer the Pod is gone, unless somebody else's holds it.
		s.confirmGone(s.a)
	default:
		s.log.Warn("change Pod", "pod", s.a.pod, "error", err)
	}
	pause := backoff.Jitter(s.retry.Next())
	s.notBefore = time.Now().Add(pause)
	return pause
}

// due returns the request that is due, or nil.
func (s *supervisor) due(v verdict) func() error {
	s.a.mu.Lock()
	open := v.gated && s.a.mayRun
	s.a.mu.Unlock()
	switch {
	case s.nodeIsDead(v):
		return func() error { return s.removePod(s.a.Life, s.a.pod, s.a.podUID(), true) }
	case s.deleted:
	case s.fault != nil, v.phase == closes && time.Since(s.closing) >= v.grace+sideGrace:
		return func() error {
			err := s.deletePod(s.a.Life, s.a, 0)
			s.deleted = err == nil
			return err
		}
	case open && s.lease.held() == nil:
		return s.openLater
	}
	return nil
}

// nodeIsDead reports that the node of a Pod, which somebody deleted by force, had enough time to end
// it.
func (s *supervisor) nodeIsDead(v verdict) bool {
	return v.forced && !v.over && time.Since(s.forced) >= forcePatience
}

// openLater opens the gate of an adopted Pod, or after a try whose answer was lost.
func (s *supervisor) openLater() error {
	err := s.openGate(s.a.Life, s.a)
	if err == nil || kube.IsNotFound(err) || kube.IsConflict(err) {
		return err
	}
	if fault := placeError(err); runwith.CodeOf(fault) != runwith.Unavailable {
		s.fault = fault
	}
	return err
}
