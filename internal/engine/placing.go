package engine

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/tasklog"
)

// run places an attempt and waits for its end. Its output is on disk when run
// returns. An error other than runner.ErrLost means that the engine is closing.
func (e *Engine) run(ctx context.Context, a *active, p placement) (ending, error) {
	id := attemptID(a, p)
	out := e.logs.Attempt(a.execution.Uid, a.execution.Name, p.task, p.attempt)
	defer e.flush(out, id)
	spec := runner.Spec{ID: id, Template: a.execution.Template, Env: platformEnv(a, p), Resume: p.resume}
	if err := e.place(ctx, spec, outputOf(ctx, out)); err != nil {
		return endingOfStart(err, context.Cause(ctx))
	}
	return e.await(ctx, id)
}

// outputOf is an attempt's output as a runner takes it.
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

// place starts an attempt.
//
// Deviation: that the machine has no room for it now (UNAVAILABLE) is no failure of
// the job's; it is tried again, within the attempt's timeout.
func (e *Engine) place(ctx context.Context, spec runner.Spec, out runner.Output) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := e.runner.Start(ctx, spec, out)
		if err == nil || runwith.CodeOf(err) != runwith.Unavailable {
			return err
		}
		e.log.Warn("task cannot be placed now", "attempt", spec.ID.String(), "error", err, "cause", errors.Unwrap(err), "retry_in", wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}

// await waits for an attempt's end, and brings it about when ctx ends first.
func (e *Engine) await(ctx context.Context, id runner.ID) (ending, error) {
	result, err := e.runner.Wait(ctx, id)
	if err == nil || errors.Is(err, runner.ErrLost) {
		return endingOf(result, nil), err
	}
	cause := context.Cause(ctx)
	unbound := context.WithoutCancel(ctx)
	if err := e.runner.Stop(unbound, id, e.grace); err != nil {
		e.log.Error("stop attempt", "attempt", id.String(), "error", err)
	}
	if result, err = e.runner.Wait(unbound, id); err != nil {
		return ending{}, err
	}
	if errors.Is(cause, errClosing) {
		return ending{}, cause
	}
	return endingOf(result, cause), nil
}

func (e *Engine) flush(out *tasklog.Writer, id runner.ID) {
	if err := out.Close(); err != nil {
		e.log.Error("write output of attempt", "attempt", id.String(), "error", err)
	}
}

func attemptID(a *active, p placement) runner.ID {
	return runner.ID{Execution: a.execution.Name, Task: p.task, Attempt: p.attempt, Incarnation: p.incarnation}
}

// platformEnv is what Cloud Run sets for every task.
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
