package kubernetes

import (
	"time"

	"github.com/runwith/runwith"
)

// resume counts the waiting of a Pod that an earlier server has seen wait. A Pod that a gate
// holds back, or that has been in a queue, counts from now.
func (s *supervisor) resume(v verdict) {
	if !v.gated && !v.queued && s.config.Queue == "" && !v.made.IsZero() && v.made.Before(s.pending) {
		s.pending = v.made
	}
	if v.doubtful && !v.scheduled.IsZero() && v.scheduled.Before(s.a.seen) {
		s.doubtful = v.scheduled
	}
}

// never is a wait that news ends first.
const never = 24 * time.Hour

// judgePatience gives an attempt up that has waited for too long, and returns when to look
// again.
func (s *supervisor) judgePatience(v verdict) time.Duration {
	now := time.Now()
	since(&s.closing, v.phase == closes, now)
	since(&s.doubtful, v.doubtful, now)
	since(&s.forced, v.forced && !v.over, now)
	switch {
	case !s.forced.IsZero():
		return max(0, forcePatience-now.Sub(s.forced))
	case s.fault != nil, s.deleted:
		return never
	case v.phase == closes:
		return max(0, v.grace+sideGrace-now.Sub(s.closing))
	case v.phase == broken:
		s.fault = v.fault.refusal(s.a.names)
		return never
	case v.phase != waits:
		return never
	}
	return s.judgeWait(v, now)
}

// since keeps the time since when something has been the case; zero while it is not.
func since(t *time.Time, is bool, now time.Time) {
	switch {
	case !is:
		*t = time.Time{}
	case t.IsZero():
		*t = now
	}
}

func (s *supervisor) judgeWait(v verdict, now time.Time) time.Duration {
	if v.queued {
		s.pending = now // a queue may take its time
	}
	left := s.config.PendingTimeout - now.Sub(s.pending)
	if !s.doubtful.IsZero() {
		if rest := s.config.ImagePatience - now.Sub(s.doubtful); rest <= 0 {
			s.fault = v.fault.refusal(s.a.names)
		} else {
			left = min(left, rest)
		}
	}
	if left <= 0 && s.fault == nil {
		why := v.why
		if why == "" {
			why = "the cluster does not say why"
		}
		s.fault = runwith.Errorf(runwith.FailedPrecondition, "the task's Pod has not started for %v: %s", s.config.PendingTimeout, why)
	}
	return max(0, left)
}
