package engine

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/tasklog"
)

// run places an attempt and waits for its end. When run returns, the attempt's output is
// on disk. An error other than runner.ErrLost means that the engine is closing.
func (e *Engine) run(ctx context.Context, a *active, p placement) (end ending, err error) {
	id := attemptID(a, p)
	out := e.logs.Attempt(a.execution.Uid, a.execution.Name, p.task, p.attempt)
	defer func() { e.closeOutput(out, id, err) }()
	placing := ctx
	if p.resume {
		placing = e.ctx // the attempt may run, whatever its execution has come to
	}
	spec := runner.Spec{ID: id, Template: a.execution.Template, Env: platformEnv(a, p), Resume: p.resume}
	if err := e.place(placing, a, spec, outputOf(ctx, out)); err != nil {
		return endingOfStart(err, context.Cause(placing))
	}
	e.starting.note(a, id, "")
	began, err := e.runner.Running(ctx, id)
	e.starting.remove(a, id)
	if err != nil && ctx.Err() == nil && !errors.Is(err, runner.ErrLost) {
		return endingOfStart(err, nil)
	}
	return e.await(ctx, a, id, began)
}

// outputOf adapts an attempt's output to the runner.
func outputOf(ctx context.Context, out *tasklog.Writer) runner.Output {
	of := func(container int) (o runner.Output) {
		o.Stdout, o.Stderr = out.Container(container)
		o.Kept = func() (stdout, stderr runner.Extent, err error) {
			o, e, err := out.Written(ctx, container)
			return runner.Extent(o), runner.Extent(e), err
		}
		return o
	}
	all := of(0)
	all.Container = of
	return all
}

// placeTimeout is how long the engine tries to place an attempt, unless the runner has more
// patience. It is Cloud Run's default timeout of a task. The task's own timeout counts from
// when the attempt runs.
const placeTimeout = 10 * time.Minute

// placeBackoff are the waits between two tries of a runner that has no room now.
func placeBackoff() *backoff.Backoff {
	return &backoff.Backoff{Min: 100 * time.Millisecond, Max: 5 * time.Second}
}

// place places an attempt. An attempt of an earlier process may still run, so that the
// engine asks for it until the runner knows.
//
// Deviation: if the machine has no room now (UNAVAILABLE), that is no failure of the job.
// The engine tries again for as long as placeTimeout, or the runner's patience. Meanwhile the
// task shows the reason.
func (e *Engine) place(ctx context.Context, a *active, spec runner.Spec, out runner.Output) error {
	defer e.starting.remove(a, spec.ID)
	begun := time.Now()
	patience, retry := cmp.Or(e.runner.Capabilities(spec.Template).Patience, placeTimeout), placeBackoff()
	if patience > placeTimeout {
		retry.Max = 30 * time.Second // a thousand tasks may wait
	}
	for tries := 0; ; tries++ {
		err := e.runner.Start(ctx, spec, out)
		if err == nil || runwith.CodeOf(err) != runwith.Unavailable {
			return err
		}
		if !spec.Resume && time.Since(begun) > patience {
			return err
		}
		if !spec.Resume { // or it may run
			e.starting.note(a, spec.ID, err.Error())
		}
		wait := retry.Next()
		level := slog.LevelWarn
		if tries > 0 {
			level = slog.LevelDebug // once is enough
		}
		e.log.Log(ctx, level, "task cannot be placed now", "attempt", spec.ID.String(), "error", err, "cause", errors.Unwrap(err), "retry_in", wait)
		if backoff.Sleep(ctx, wait) != nil {
			return err
		}
	}
}

// await waits for the end of an attempt. It ends the attempt after the timeout, which
// counts from began, and when ctx ends. If the engine closes, it lets go of an attempt
// that outlives it, and returns runner.ErrDetached.
func (e *Engine) await(ctx context.Context, a *active, id runner.ID, began time.Time) (ending, error) {
	if !began.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, began.Add(a.execution.Template.Timeout.AsDuration()), errTimeout)
		defer cancel()
	}
	result, err := e.runner.Wait(ctx, id)
	if err == nil || errors.Is(err, runner.ErrLost) {
		return endingOf(result, nil), err
	}
	cause := context.Cause(ctx)
	stopping, cancel := e.beyondClose(ctx)
	defer cancel()
	if !errors.Is(cause, errClosing) {
		result, err = e.stopAttempt(stopping, id)
		if errors.Is(cause, errTimeout) {
			switch {
			case errors.Is(err, runner.ErrLost):
				err = nil // it had its time
			case endedInTime(result, a.execution.Template.Timeout.AsDuration()):
				cause = nil
			}
		}
		if !errors.Is(err, errClosing) {
			return endingOf(result, cause), err
		}
	}
	if e.detaches(a) {
		return e.detach(stopping, id)
	}
	return e.endForClose(stopping, id)
}

// endedInTime reports whether an attempt ended by itself before its timeout, and the engine
// learned that later: because it was down, or the runner's machine did not answer.
func endedInTime(r runner.Result, timeout time.Duration) bool { return r.Ran > 0 && r.Ran < timeout }

// closePatience is how much longer than the grace a runner may take to stop a task when the
// engine closes.
const closePatience = 5 * time.Second

// beyondClose returns a context for stopping an attempt. It ends when the engine has been
// closing for as long as its runner may take, so that a runner that fails, or does not
// answer, cannot hold up Close. The caller cancels it.
func (e *Engine) beyondClose(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(e.ctx, func() {
		if backoff.Sleep(ctx, e.grace+closePatience) == nil {
			cancel()
		}
	})
	return ctx, func() {
		stop()
		cancel()
	}
}

// endForClose ends an attempt because the engine closes. If the runner does not manage that
// until ctx ends, the attempt is left: the next Open continues with it or ends it.
func (e *Engine) endForClose(ctx context.Context, id runner.ID) (ending, error) {
	for retry := placeBackoff(); ; {
		err := e.runner.Stop(ctx, id, e.grace)
		if err == nil {
			_, err = e.runner.Wait(ctx, id)
		}
		switch {
		case err == nil:
			return ending{}, errClosing
		case errors.Is(err, runner.ErrLost):
			return ending{}, err
		}
		wait := retry.Next()
		e.log.Error("stop attempt", "attempt", id.String(), "error", err, "retry_in", wait)
		if backoff.Sleep(ctx, wait) != nil {
			e.log.Error("attempt is left running, because its runner has not stopped it", "attempt", id.String())
			return ending{}, errLeft
		}
	}
}

// stopAttempt stops an attempt and waits for its end. If the runner cannot stop it, for
// example because it does not answer, stopAttempt tries again until the attempt ends by
// itself. It returns errClosing if the engine closes first.
func (e *Engine) stopAttempt(ctx context.Context, id runner.ID) (runner.Result, error) {
	for retry := placeBackoff(); ; {
		err := e.runner.Stop(ctx, id, e.grace)
		if err == nil {
			result, end := e.runner.Wait(ctx, id)
			if err = end; err == nil || errors.Is(err, runner.ErrLost) {
				return result, err
			}
		}
		wait := retry.Next()
		e.log.Error("stop attempt", "attempt", id.String(), "error", err, "retry_in", wait)
		result, err := e.waitFor(id, wait)
		if err == nil || errors.Is(err, runner.ErrLost) || errors.Is(err, errClosing) {
			return result, err
		}
	}
}

// waitFor waits for the end of an attempt for as long as d, also if the runner does not
// answer. It returns errClosing if the engine closes first.
func (e *Engine) waitFor(id runner.ID, d time.Duration) (runner.Result, error) {
	ctx, cancel := context.WithTimeout(e.ctx, d)
	defer cancel()
	result, err := e.runner.Wait(ctx, id)
	if err == nil || errors.Is(err, runner.ErrLost) {
		return result, err
	}
	<-ctx.Done()
	return runner.Result{}, context.Cause(ctx)
}

// detaches reports whether the attempts of an execution run on when the engine closes.
func (e *Engine) detaches(a *active) bool {
	return !e.stopTasks && e.runner.Capabilities(a.execution.Template).Outlives
}

// detach lets go of an attempt that outlives the engine. One that has ended meanwhile is
// recorded as usual.
func (e *Engine) detach(ctx context.Context, id runner.ID) (ending, error) {
	if err := e.runner.Detach(ctx, id); err != nil {
		e.log.Debug("attempt is not detached", "attempt", id.String(), "error", err)
		result, err := e.runner.Wait(ctx, id)
		if err != nil && ctx.Err() != nil {
			err = errLeft
		}
		return endingOf(result, nil), err
	}
	e.detached.Add(1)
	return ending{}, runner.ErrDetached
}

// closeOutput closes the output of an attempt that ended so. One that is detached or left goes
// on printing: the engine that adopts it writes its unfinished lines.
func (e *Engine) closeOutput(out *tasklog.Writer, id runner.ID, end error) {
	finish := out.Close
	if errors.Is(end, runner.ErrDetached) || errors.Is(end, errLeft) {
		finish = out.Leave
	}
	if err := finish(); err != nil {
		e.log.Error("write output of attempt", "attempt", id.String(), "error", err)
	}
}

func attemptID(a *active, p placement) runner.ID {
	return runner.ID{Execution: a.execution.Name, Task: p.task, Attempt: p.attempt, Incarnation: p.incarnation}
}

// platformEnv returns the variables that Cloud Run sets for every task.
// https://cloud.google.com/run/docs/container-contract#jobs-env-vars
func platformEnv(a *active, p placement) map[string]string {
	_, name, _ := strings.Cut(a.execution.Name, "/executions/")
	return map[string]string{
		"CLOUD_RUN_JOB":          a.execution.Job,
		"CLOUD_RUN_EXECUTION":    name,
		"CLOUD_RUN_TASK_INDEX":   strconv.Itoa(p.task),
		"CLOUD_RUN_TASK_ATTEMPT": strconv.Itoa(p.attempt),
		"CLOUD_RUN_TASK_COUNT":   strconv.Itoa(int(a.execution.TaskCount)),
	}
}
