package main

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"io"
	"sync"

	"github.com/spf13/cobra"
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
The other flags apply to all lines. A field of a line overrides its flag. Run sends
up to 1,000 lines together, shows how many have ended, and prints no output of the
tasks: use runwith logs. The exit code is 0 if all succeeded. Each line starts once,
also if you repeat the command, because its key is derived from it; to start the same
lines again, add --key with a new text. The field "key" of a line is a key of your own.

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
	if err := f.checkWait(cmd); err != nil {
		return err
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

// checkWait refuses a command line that says both to wait and not to wait.
func (f *runFlags) checkWait(cmd *cobra.Command) error {
	waits, err := cmd.Flags().GetBool("wait")
	if err != nil || !waits || !cmd.Flags().Changed("wait") {
		return err
	}
	switch {
	case f.detach:
		return misused("--wait and --detach: choose one")
	case f.execute.async:
		return misused("--wait and --async: choose one")
	}
	return nil
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
