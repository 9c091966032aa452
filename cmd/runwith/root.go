package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/runwith/runwith"
)

// Exit codes.
const (
	exitOK          = 0
	exitFailure     = 1   // the command, or the job that it ran, failed
	exitUsage       = 2   // the command line has a mistake
	exitInterrupted = 130 // Ctrl-C, with the number that shells use
)

// defaultServer is where up, engine and serve listen by default, and where clients
// connect.
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

// misused returns an error of usage.
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
		Long: `runwith starts Cloud Run jobs with runtime overrides, exactly once, for anything
that speaks HTTP: on Google Cloud, or on this machine or a Kubernetes cluster, with
an engine that is the Cloud Run Jobs API.`,
		Example: `  runwith demo                           # try everything once, in a temporary folder
  runwith up                             # engine and invoker on 127.0.0.1:8080
  runwith run test-job --env ENV_1=HELLO -- arg-1 arg-2`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(flagError)
	root.PersistentFlags().BoolP("verbose", "v", false, "log more, to find a problem")
	root.AddCommand(newDemo(), settableByEnvironment(newUp()), settableByEnvironment(newEngine()), settableByEnvironment(newServe()), newRun(), newLogs(), newInvocations(), newSchedules(), newEvents(), newCallbacks(), newBudgets(), newUsage(),
		newKeys(), newConfig(), newInit(), newJobs(), newExecutions(), newOperations(), newGcloud(), newEnv(), settableByEnvironment(newDoctor()), newBackup(), newRestore(), newStore(), newKubernetes(), newVersion(), newTestJob())
	return root
}

// flagError returns the error for a flag that is unknown, or whose value does not parse.
func flagError(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return unknownFlag(cmd, unknown)
	}
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	must := invalid.Unwrap().Error()
	switch invalid.GetFlag().Value.Type() {
	case "int", "int64", "uint64":
		must = "must be a whole number"
	case "bool":
		must = "must be true or false"
	case "duration":
		must = "must be a duration, such as 90s or 1h"
	}
	return fmt.Errorf("--%s %q: %s", invalid.GetFlag().Name, invalid.GetValue(), must)
}

// execute runs a command line and returns the exit code.
func execute(ctx context.Context, root *cobra.Command, args []string) int {
	strictDefaults(root)
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
		note(root.ErrOrStderr(), "%v", err)
	}
	if !understood {
		fmt.Fprintf(root.ErrOrStderr(), "See '%s --help'.\n", cmd.CommandPath())
	}
	return code
}

// env returns an environment variable, or the fallback if it is unset or empty. No
// package but this one reads flags and the environment.
func env(name, fallback string) string {
	if value, ok := os.LookupEnv(name); ok && value != "" {
		return value
	}
	return fallback
}
