package kubernetes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// sideGrace is how much longer than its grace the other containers of a task may run after
// the main one, before the Runner deletes the Pod.
const sideGrace = 5 * time.Second

// supervisor takes one attempt from its placing to its end.
type supervisor struct {
	*Runner
	a         *attempt
	fault     error     // why the attempt is given up; nil while it is not
	deleted   bool      // the Runner has deleted the Pod
	pending   time.Time // since when the Pod waits for a node or an image
	doubtful  time.Time // since when the Pod has a fault that may pass; zero if it has none
	closing   time.Time // since when only other containers run
	retry     backoff.Backoff
	notBefore time.Time // of the next request
}

// supervise returns when the attempt has ended, and its output is written. If the Runner
// lets go of the attempt first, the Pod stays.
func (r *Runner) supervise(a *attempt) {
	defer a.letGo()
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
		case <-a.life.Done():
			timer.Stop()
			s.finish(v)
			return
		}
		timer.Stop()
	}
}

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
		if ended := s.a.readers[c.name]; ended != nil && (c.ended || v.over) && !isClosed(ended) {
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
	}
	a := s.a
	a.following.Add(1)
	s.background.Go(func() {
		defer a.following.Done()
		if err := reader.run(a.life); err != nil && a.life.Err() == nil {
			s.log.Error("read output of attempt", "attempt", a.ID.String(), "container", container, "error", err)
		}
	})
}

// never is a wait that news ends first.
const never = 24 * time.Hour

// act sends the request that is due, if one is, and returns how long to wait for news.
func (s *supervisor) act(v verdict) time.Duration {
	wait := s.judgePatience(v)
	send := s.due(v)
	if send == nil {
		return wait
	}
	if pause := time.Until(s.notBefore); pause > 0 {
		return min(wait, pause)
	}
	err := send()
	switch {
	case err == nil:
		s.retry.Reset()
		return wait
	case s.a.life.Err() != nil:
		return wait
	case kube.IsNotFound(err), kube.IsConflict(err):
		s.confirmGone(s.a)
	default:
		s.log.Warn("change Pod", "pod", s.a.pod, "error", err)
	}
	pause := backoff.Jitter(s.retry.Next())
	s.notBefore = time.Now().Add(pause)
	return min(wait, pause)
}

// due returns the request that is due, or nil.
func (s *supervisor) due(v verdict) func() error {
	s.a.mu.Lock()
	open := v.gated && s.a.mayRun
	s.a.mu.Unlock()
	switch {
	case s.deleted:
	case s.fault != nil, v.phase == closes && time.Since(s.closing) >= v.grace+sideGrace:
		return func() error {
			err := s.deletePod(s.a.life, s.a, 0)
			s.deleted = err == nil
			return err
		}
	case open && s.lease.held() == nil:
		return s.openLater
	}
	return nil
}

// openLater opens the gate of an adopted Pod, or after a try whose answer was lost.
func (s *supervisor) openLater() error {
	err := s.openGate(s.a.life, s.a)
	if err != nil && !kube.IsTransient(err) && !kube.IsNotFound(err) && !kube.IsConflict(err) {
		s.fault = placeError(err)
	}
	return err
}

// judgePatience gives an attempt up that has waited for too long, and returns when to look
// again.
func (s *supervisor) judgePatience(v verdict) time.Duration {
	now := time.Now()
	if v.phase != closes {
		s.closing = time.Time{}
	} else if s.closing.IsZero() {
		s.closing = now
	}
	if !v.doubtful {
		s.doubtful = time.Time{}
	} else if s.doubtful.IsZero() {
		s.doubtful = now
	}
	switch {
	case s.fault != nil:
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

// deletePod deletes the Pod of an attempt. Its finalizer keeps its status.
func (r *Runner) deletePod(ctx context.Context, a *attempt, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return r.client.DeletePod(ctx, a.pod, a.podUID(), grace)
}

// finish waits for the output, and reports the attempt's end.
func (s *supervisor) finish(v verdict) {
	s.a.following.Wait()
	if !s.a.startEnding() {
		s.a.End(runner.Result{}, runner.ErrDetached)
		return
	}
	switch {
	case v.phase == ended:
		s.explain(v)
		s.a.End(v.result, nil)
	case s.fault != nil:
		s.a.Fail(s.fault)
	case v.phase == broken:
		s.a.Fail(v.fault.refusal(s.a.names))
	default:
		s.a.End(runner.Result{}, runner.ErrLost)
	}
	if !s.a.isOwned() {
		s.release(s.a)
	}
}

// explain writes to the output why the node ended a Pod, because an exit code does not say it.
func (s *supervisor) explain(v verdict) {
	s.a.mu.Lock()
	out := s.a.out
	s.a.mu.Unlock()
	if v.evicted == "" || len(s.a.names) == 0 {
		return
	}
	s.log.Warn("a node evicted a task's Pod, because it exceeded a limit of its own", "pod", s.a.pod, "reason", v.evicted)
	main := out.Of(max(0, slices.Index(s.a.names, v.main)))
	if main.Stderr == nil {
		return
	}
	if main.Kept != nil {
		if _, kept, err := main.Kept(); err != nil || kept.Lines > 0 {
			return // an earlier server has written it
		}
	}
	_, _ = fmt.Fprintf(main.Stderr, "runwith: the node evicted the task: %s\n", strings.TrimSpace(v.evicted)) // who writes reports errors
}
