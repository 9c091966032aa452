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

// Why an attempt is ended by the engine.
var (
	errTimeout = errors.New("the task's timeout has passed")
	errStopped = errors.New("the execution is stopped")
	errClosing = errors.New("the engine is closing")
)

// launch runs one placement in a goroutine of its own, and then those that follow
// in its place. The scheduler calls it, and no more once it is closed.
func (e *Engine) launch(t turn) {
	e.attempts.Go(func() {
		for next := &t; next != nil; {
			next = e.attempt(*next)
		}
	})
}

// attempt takes one placement from claim to end, and returns the one that has its
// place then, if any.
func (e *Engine) attempt(t turn) (next *turn) {
	a := t.active
	if t.task == noTask {
		e.failWithoutTasks(a)
		e.gone(e.scheduler.done(a, nil, nil))
		return nil
	}
	if !t.claimed && !t.resume {
		claimed, err := e.claim(a.id, t.placement)
		if err != nil || !claimed { // closing, or stopped before its turn
			e.gone(e.scheduler.done(a, nil, nil))
			return nil
		}
		e.changes.Publish(a.id)
	}
	ctx, cancel := context.WithTimeoutCause(a.ctx, a.execution.Template.Timeout.AsDuration(), errTimeout)
	defer cancel()
	end, err := e.run(ctx, a, t.placement)
	var again *placement
	switch {
	case errors.Is(err, runner.ErrLost):
		again = e.lose(a, t.placement)
	case err == nil:
		again, next = e.finish(t, end)
	} // or else it is closing: the next start goes on with it
	e.gone(e.scheduler.done(a, again, next))
	return next
}

// gone tells of the end of a stopped execution, if there is one, of which nothing
// runs any more. What leaves it because the engine closes has not ended.
func (e *Engine) gone(idle *active) {
	if idle == nil || e.ctx.Err() != nil {
		return
	}
	e.ended(idle)
	e.changes.Publish(idle.id)
}

// run places an attempt and waits for its end. Its output is on disk when run
// returns. An error other than runner.ErrLost means that the engine is closing.
func (e *Engine) run(ctx context.Context, a *active, p placement) (ending, error) {
	id := attemptID(a, p)
	out := e.logs.Attempt(a.execution.Uid, a.execution.Name, p.task, p.attempt)
	defer e.flush(out, id)
	spec := runner.Spec{ID: id, Template: a.execution.Template, Env: platformEnv(a, p), Resume: p.resume}
	if err := e.place(ctx, spec, outputOf(ctx, out)); err != nil {
		end, err := endingOfStart(err, context.Cause(ctx))
		if err == nil {
			e.say(out, id, end.startSayings(a.execution.Template))
		}
		return end, err
	}
	end, err := e.await(ctx, id)
	if err == nil && !(end.goesWithoutSaying(a.execution) && e.silent(out, id)) {
		e.say(out, id, end.sayings(a.execution.Template))
	}
	return end, err
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

// silent reports whether an execution has no output at all.
func (e *Engine) silent(out *tasklog.Writer, id runner.ID) bool {
	silent, err := out.Silent()
	if err != nil {
		e.log.Error("write output of attempt", "attempt", id.String(), "error", err)
	}
	return silent && err == nil
}

// say writes what the platform says of an attempt behind what it printed.
func (e *Engine) say(out *tasklog.Writer, id runner.ID, all []saying) {
	for _, s := range all {
		if err := out.System(s.level, s.text); err != nil {
			e.log.Error("write end of attempt to its output", "attempt", id.String(), "error", err)
		}
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

// claim marks a task as running, unless its execution was stopped meanwhile.
func (e *Engine) claim(execution int64, p placement) (claimed bool, err error) {
	err = e.persist("claim task", execution, func(tx *storeTx) error {
		claimed, err = tx.claimTask(execution, p, time.Now())
		return err
	})
	return claimed, err
}

// finish records an attempt's end and what follows from it: whether the task is
// attempted again, and which one has its place now. That one is claimed in the same
// commit.
func (e *Engine) finish(t turn, end ending) (again *placement, next *turn) {
	a := t.active
	var (
		after   transition
		claimed bool
	)
	maxRetries := int(a.execution.Template.GetMaxRetries())
	next = e.scheduler.next(a)
	err := e.persist("record the end of an attempt", a.id, func(tx *storeTx) (err error) {
		if after, err = tx.finishTask(a.id, t.placement, end, maxRetries, time.Now()); err == nil && next != nil {
			claimed, err = tx.claimTask(next.active.id, next.placement, time.Now())
		}
		return err
	})
	if err == nil {
		e.changed(a, after)
		if after.retry {
			again = &placement{task: t.task, attempt: t.attempt + 1}
		}
	}
	if err != nil || !claimed { // there is no next one, or it was stopped before its turn
		e.gone(e.scheduler.drop(next))
		return again, nil
	}
	next.claimed = true
	e.changes.Publish(next.active.id)
	return again, next
}

// changed tells of a transition that is on disk.
func (e *Engine) changed(a *active, to transition) {
	if x := to.execution; x.state.terminal() {
		x.message, a.last = a.execution, x
		e.ended(a)
	}
	e.changes.Publish(a.id)
}

// ended lets go of an execution that has come to its end.
func (e *Engine) ended(a *active) {
	e.scheduler.remove(a)
	e.logs.End(a.execution.Uid)
	e.tidySoon()
}

// lose records that an attempt died with an earlier process, so that it is placed
// once more.
//
// Deviation: it is the same attempt to the task, and no retry; Cloud Run does not
// lose one in this way.
func (e *Engine) lose(a *active, p placement) (again *placement) {
	var after transition
	err := e.persist("record a lost attempt", a.id, func(tx *storeTx) (err error) {
		after, err = tx.loseTask(a.id, p, time.Now())
		return err
	})
	if err != nil {
		return nil
	}
	e.log.Info("attempt was lost with an earlier process", "execution", a.execution.Name, "task", p.task, "attempt", p.attempt)
	e.changed(a, after)
	if after.retry {
		return &placement{task: p.task, attempt: p.attempt, incarnation: p.incarnation + 1}
	}
	return nil
}

// persist writes a transition that has happened in the world and so must get to
// disk: while the disk refuses, it tries again, until the engine closes.
func (e *Engine) persist(what string, execution int64, f func(*storeTx) error) error {
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := e.write(context.Background(), f)
		if err == nil || errors.Is(err, errStale) {
			return err
		}
		e.log.Error(what, "execution", execution, "error", err, "retry_in", wait)
		select {
		case <-e.ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}
