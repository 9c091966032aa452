package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/terminal"
)

// jobRun is one run that a person watches.
type jobRun struct {
	client   *runwith.Client
	out, err io.Writer
	json     bool
	raw      bool
	key      string
}

func (r *jobRun) run(ctx context.Context, job string, q *runwith.Request, detach bool) error {
	invocation, err := r.client.Start(ctx, job, r.key, q)
	switch {
	case err != nil && ctx.Err() != nil:
		return &exitError{exitInterrupted, fmt.Errorf("%w: the job may have started; repeat the command with --key %s to find it, or to start it", err, r.key)}
	case err != nil:
		return err
	}
	if detach {
		return r.detached(invocation)
	}
	end, err := r.watch(ctx, invocation)
	switch {
	case ctx.Err() != nil:
		return r.cancel(ctx, invocation)
	case err != nil:
		return fmt.Errorf("watch invocation %s: %w", invocation.ID, err)
	}
	return r.report(end)
}

// cancelTimeout bounds the wait after Ctrl-C.
const cancelTimeout = 10 * time.Second

// cancel cancels the job after Ctrl-C, and prints the result.
func (r *jobRun) cancel(ctx context.Context, invocation *runwith.Invocation) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
	defer stop()
	now, err := r.client.Cancel(ctx, invocation.ID)
	switch {
	case err != nil:
		return &exitError{exitInterrupted, fmt.Errorf("cannot cancel %s, which continues as invocation %s: %w", invocation.Job, invocation.ID, err)}
	case now.State.Terminal():
		_ = printLine(r.err, "runwith: invocation %s of %s is %s", now.ID, now.Job, now.State)
	default:
		_ = printLine(r.err, "runwith: cancelling invocation %s of %s; watch it with runwith invocations describe %[1]s", now.ID, now.Job)
	}
	return &exitError{code: exitInterrupted}
}

// detached prints the ID of an invocation that run does not wait for. One that was refused, which
// an earlier run with the same key may have met, has no output to follow.
func (r *jobRun) detached(invocation *runwith.Invocation) error {
	if invocation.State == runwith.StateRefused {
		return r.report(invocation)
	}
	_ = printLine(r.err, "runwith: follow its output with %s", r.logsCommand("-f "+invocation.ID))
	if r.json {
		return printJSON(r.out, invocation)
	}
	return printLine(r.out, "%s", invocation.ID)
}

// watch shows output and progress until the invocation has ended.
func (r *jobRun) watch(ctx context.Context, invocation *runwith.Invocation) (*runwith.Invocation, error) {
	p := terminal.NewProgress(r.err, invocation.Job)
	defer p.Close()
	counting, stop := context.WithCancel(ctx)
	defer stop()
	if p.Visible() {
		go r.count(counting, invocation.ID, p)
	}
	if err := r.show(ctx, invocation.ID, p); err != nil && ctx.Err() == nil {
		p.Close()
		// Without its output, the job's result still matters.
		note(r.err, "output of %s: %v", invocation.ID, err)
	}
	return r.client.Wait(ctx, invocation.ID)
}

// show prints the output while the job runs.
func (r *jobRun) show(ctx context.Context, id string, p *terminal.Progress) error {
	tasks := tasksOf(ctx, r.client, id)
	broken := func(err error) {
		_ = p.Println(r.err, printable(r.err, "runwith: "+tryingAgain(err), false)) // nothing is left to do without it
	}
	for line, err := range r.client.Logs(ctx, id, &runwith.LogsOptions{Follow: true, OnBreak: broken}) {
		if err != nil {
			return err
		}
		to := r.stream(line)
		if err := p.Println(to, printable(to, line.Labelled(tasks()), r.raw)); err != nil {
			return err
		}
	}
	return nil
}

// stream returns where to print a line of output.
func (r *jobRun) stream(line runwith.LogLine) io.Writer {
	if r.json || line.Stream == "stderr" {
		return r.err
	}
	return r.out
}

// count updates the progress bar.
func (r *jobRun) count(ctx context.Context, id string, p *terminal.Progress) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		if invocation, err := r.client.Invocation(ctx, id); err == nil {
			p.Set(invocation.Counts.Done(), invocation.Counts.Tasks)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// report prints how an invocation ended. Anything but success is an error.
func (r *jobRun) report(end *runwith.Invocation) error {
	if r.json {
		if err := printJSON(r.out, end); err != nil {
			return err
		}
	} else {
		_ = printLine(r.err, "%s", summary(end))
	}
	if end.State == runwith.StateSucceeded {
		return nil
	}
	r.printStderr(end)
	if end.Execution != "" {
		_ = printLine(r.err, "runwith: see its output again with %s", r.logsCommand(end.ID))
	}
	failed := &exitError{code: exitFailure}
	if end.Error != nil {
		failed.err = errors.New(end.Error.Message)
	}
	return failed
}

// printStderr prints the last lines of the task that failed. If the job has only that one,
// they have just been printed.
func (r *jobRun) printStderr(end *runwith.Invocation) {
	f := end.Error
	if f == nil || f.Task == nil || len(f.Stderr) == 0 || end.Counts.Tasks < 2 || r.json {
		return
	}
	fmt.Fprintf(r.err, "runwith: task %d last printed to standard error:\n", *f.Task)
	for _, line := range f.Stderr {
		fmt.Fprintf(r.err, "  %s\n", printable(r.err, line, r.raw))
	}
}

// logsCommand returns the command that prints an invocation's output.
func (r *jobRun) logsCommand(args string) string {
	command := "runwith logs " + args
	if server := r.client.Server; server != env("RUNWITH_SERVER", defaultServer) {
		command += " --server " + server
	}
	return command
}

// summary returns the result of an invocation in one line.
func summary(end *runwith.Invocation) string {
	text := fmt.Sprintf("%s %s", end.Job, end.State)
	if end.Counts.Tasks > 0 {
		text += fmt.Sprintf(": %d of %d tasks succeeded", end.Counts.Succeeded, end.Counts.Tasks)
	}
	if !end.Started.IsZero() && !end.Finished.IsZero() {
		text += fmt.Sprintf(" in %v", end.Finished.Sub(end.Started).Round(time.Millisecond))
	}
	return text
}

func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
