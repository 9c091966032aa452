package kubernetes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/runwith/runwith/internal/engine/runner"
)

// deletePod deletes the Pod of an attempt. Its finalizer keeps its status.
func (r *Runner) deletePod(ctx context.Context, a *attempt, grace time.Duration) error {
	a.kill()
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return r.client.DeletePod(ctx, a.pod, a.podUID(), grace)
}

// finish waits for the output, and reports the attempt's end.
func (s *supervisor) finish(v verdict) {
	s.a.following.Wait()
	if !s.a.StartEnding() {
		s.a.End(runner.Result{}, runner.ErrDetached)
		return
	}
	switch {
	case v.phase == ended, v.phase == lost && s.a.isKilled(v):
		s.explain(v)
		s.a.End(s.a.result(v), nil)
	case s.fault != nil:
		s.a.Fail(s.fault)
	case v.phase == broken:
		s.a.Fail(v.fault.refusal(s.a.names))
	default:
		s.a.End(runner.Result{}, runner.ErrLost)
	}
	if !s.a.Owned() { // the engine does not ask about its end
		s.attempts.Forget(s.a)
		s.release(s.a)
	}
}

// explain writes to the output why the node ended a Pod, because an exit code does not say it.
func (s *supervisor) explain(v verdict) {
	s.a.mu.Lock()
	out, lines := s.a.out, s.a.stderr[v.main]
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
		if _, kept, err := main.Kept(); err != nil || kept.Lines > lines {
			return // an earlier server has written it
		}
	}
	_, _ = fmt.Fprintf(main.Stderr, "runwith: the node evicted the task: %s\n", strings.TrimSpace(v.evicted)) // who writes reports errors
}
