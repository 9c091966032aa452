package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/terminal"
)

// runFlags are the flags of run.
type runFlags struct {
	to      clientFlags
	key     string
	asks    requestFlags
	env     []string
	tasks   int
	timeout seconds
	detach  bool
	json    bool
	raw     bool
	startAt startTime
	each    string
	execute executeFlags
}

func newRun() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run JOB [-- ARGS...]",
		Short: "Start a job, print its output and wait for its end",
		Long: `Run starts a job through the invoker and prints its output. [TASK.ATTEMPT] in front
of a line names its origin, unless that is the first attempt of the only task.
runwith logs prints the output again.

The exit code is 0 if all tasks succeeded, and 1 if not. Ctrl-C cancels the job, and
the exit code is 130; a second Ctrl-C does not wait for the invoker's answer.

With --key the job starts only once. Another run with the same key shows the same
invocation, also from another machine or after a crash.

--param sets a parameter that the server's configuration defines for the job; the
value 5 is a number if the parameter is one. --label makes the invocation easy to find
again: runwith invocations list --label tenant=acme.

--start-at has the job start later, at most 30 days ahead: run prints the invocation's ID
and does not wait, unless you add --wait. The invoker keeps the request.

--each FILE starts the job once for each line of a file; - is standard input. A line is
a request in JSON, as the invoker's API takes it:
  {"parameters":{"tenant":"acme"},"labels":{"month":"2026-11"}}
The other flags are for all lines; what a line has goes first. Run sends up to 1,000
lines together, shows how many have ended, and prints no output of the tasks: use
runwith logs. The exit code is 0 if all succeeded. Each line starts once, also if you
repeat the command, because its key is derived from it; to start the same lines again,
add --key with a new text. The field "key" of a line is a key of your own.

Arguments after -- replace the job's arguments. A -- at the end removes them.

The flags of gcloud run jobs execute work too: --args, --update-env-vars, --tasks,
--task-timeout, --wait, --async; and --project and --region, if they are the
invoker's.`,
		Example: `  runwith run test-job --env ENV_1=HELLO --env ENV_2=WORLD -- arg-1 arg-2
  runwith run reindex --param tenant=acme --label tenant=acme
  runwith run nightly --tasks 10 --timeout 1h
  runwith run nightly --key nightly-2026-11-23
  runwith run nightly --start-at 2026-12-01T02:00:00Z
  runwith run nightly --start-at +8h
  runwith run reindex --each tenants.ndjson --label month=2026-11
  runwith run nightly --detach        # prints the invocation's ID`,
		Args: func(cmd *cobra.Command, args []string) error {
			if named := positional(cmd, args); named != 1 {
				return fmt.Errorf("name exactly one job, and put its arguments after --; got %d names", named)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	f.to.add(cmd)
	f.add(cmd)
	return cmd
}

// add adds the flags that say what to run, and how to show it.
func (f *runFlags) add(cmd *cobra.Command) {
	f.asks.add(cmd)
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.env, "env", "e", nil, "set an environment variable of the job: `NAME=VALUE` (repeatable)")
	flags.IntVar(&f.tasks, "tasks", 0, "number of tasks, instead of the job's")
	flags.Var(&f.timeout, "timeout", "timeout of each attempt of a task, instead of the job's: `DURATION`, or a number of seconds")
	flags.StringVar(&f.key, "key", "", "start the job only once for `KEY`, even if you repeat the command")
	flags.BoolVarP(&f.detach, "detach", "d", false, "print the invocation's ID and do not wait")
	flags.BoolVar(&f.json, "json", false, "print the invocation as JSON, and the job's output to standard error")
	f.startAt.add(cmd)
	flags.StringVar(&f.each, "each", "", "start the job once for each line of `FILE`, a request in JSON; - is standard input")
	addRaw(cmd, &f.raw)
	f.execute.add(cmd, &f.timeout)
}

// run starts the job of a command line.
func (f *runFlags) run(cmd *cobra.Command, args []string) error {
	request, err := f.request(cmd, args)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	client, err := f.to.client()
	if err != nil {
		return err
	}
	client.Retrying = patient(cmd.ErrOrStderr())
	r := &jobRun{
		client: client,
		out:    cmd.OutOrStdout(), err: cmd.ErrOrStderr(),
		json: f.json, raw: f.raw, key: cmp.Or(f.key, rand.Text()),
	}
	hintAtCommas(r.err, f.env)
	if err := f.execute.checkPlace(cmd.Context(), r.client, args[0]); err != nil {
		return interruptedOr(cmd, err)
	}
	if err := f.asks.typed(cmd.Context(), r.client, args[0], request); err != nil {
		return interruptedOr(cmd, err)
	}
	if cmd.Flags().Changed("each") {
		return f.runEach(cmd, r, args[0], request)
	}
	return r.run(cmd.Context(), args[0], request, f.detaches(cmd))
}

// positional returns the number of arguments before "--".
func positional(cmd *cobra.Command, args []string) int {
	if dash := cmd.ArgsLenAtDash(); dash >= 0 {
		return dash
	}
	return len(args)
}

// detaches reports whether run does not wait for the end.
func (f *runFlags) detaches(cmd *cobra.Command) bool {
	waits, err := cmd.Flags().GetBool("wait")
	later := !f.startAt.at.IsZero() && !cmd.Flags().Changed("wait")
	return f.detach || f.execute.async || later || err == nil && !waits
}

// patient returns a function that prints once why the start is tried again.
func patient(out io.Writer) func(error) {
	var said sync.Once
	return func(err error) {
		said.Do(func() {
			note(out, "%v", err)
			note(out, "trying again; press Ctrl-C to give up")
		})
	}
}

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
		fmt.Fprintf(r.err, "runwith: invocation %s of %s is %s\n", now.ID, now.Job, now.State)
	default:
		fmt.Fprintf(r.err, "runwith: cancelling invocation %s of %s; watch it with runwith invocations describe %[1]s\n", now.ID, now.Job)
	}
	return &exitError{code: exitInterrupted}
}

func (r *jobRun) detached(invocation *runwith.Invocation) error {
	fmt.Fprintf(r.err, "runwith: follow its output with %s\n", r.logsCommand("-f "+invocation.ID))
	if r.json {
		return printJSON(r.out, invocation)
	}
	_, err := fmt.Fprintln(r.out, invocation.ID)
	return err
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
		fmt.Fprintf(r.err, "runwith: output of %s: %v\n", invocation.ID, err)
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
		fmt.Fprintln(r.err, summary(end))
	}
	if end.State == runwith.StateSucceeded {
		return nil
	}
	r.printStderr(end)
	if end.Execution != "" {
		fmt.Fprintf(r.err, "runwith: see its output again with %s\n", r.logsCommand(end.ID))
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
