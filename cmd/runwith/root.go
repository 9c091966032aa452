package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
)

// Exit codes.
const (
	exitOK          = 0
	exitFailure     = 1   // the command, or the job that it ran, failed
	exitUsage       = 2   // the command line is not understood
	exitInterrupted = 130 // ended by Ctrl-C, as a shell counts it
)

// defaultServer is where up, engine and serve listen, and where clients look.
const defaultServer = runwith.DefaultServer

// exitError ends the program with a code and, unless err is nil, a message.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// misused is the error for a flag that is not understood.
func misused(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// interruptedOr returns err, or the error for Ctrl-C if that ended the command.
func interruptedOr(cmd *cobra.Command, err error) error {
	if cmd.Context().Err() != nil {
		return &exitError{code: exitInterrupted}
	}
	return err
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "runwith",
		Short: "Start Cloud Run jobs with runtime overrides, exactly once",
		Long: `runwith starts Cloud Run jobs with runtime overrides, from anything that can
speak HTTP: on this machine, with an engine that serves the Cloud Run Jobs API,
and on Google Cloud.`,
		Example: `  runwith demo                           # the whole story once, in a temporary folder
  runwith up                             # engine and invoker on 127.0.0.1:8080
  runwith run test-job --env ENV_1=HELLO -- arg-1 arg-2`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().BoolP("verbose", "v", false, "log more, for finding faults")
	root.AddCommand(newDemo(), newUp(), newEngine(), newServe(), newRun(), newInvocations(),
		newJobs(), newExecutions(), newOperations(), newGcloud(), newEnv(), newBackup(), newRestore(), newVersion(), newTestJob())
	return root
}

// execute runs a command line and returns the exit code.
func execute(ctx context.Context, root *cobra.Command, args []string) int {
	understood := false
	root.PersistentPreRun = func(*cobra.Command, []string) { understood = true }
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	code := exitFailure
	if !understood {
		code = exitUsage
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		code, err = e.code, e.err
	}
	if err != nil {
		fmt.Fprintf(root.ErrOrStderr(), "runwith: %v\n", err)
	}
	if !understood {
		fmt.Fprintf(root.ErrOrStderr(), "See '%s --help'.\n", cmd.CommandPath())
	}
	return code
}

// newLogger logs for an operator: to standard error, from the given level on, or
// everything with --verbose.
func newLogger(cmd *cobra.Command, level slog.Level) *slog.Logger {
	if verbose, err := cmd.Flags().GetBool("verbose"); err == nil && verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
}

// env is the value of an environment variable, or the fallback. Flags and
// environment are read here and in no other package.
func env(name, fallback string) string {
	if value, ok := os.LookupEnv(name); ok && value != "" {
		return value
	}
	return fallback
}
