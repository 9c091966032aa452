package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/testjob"
)

// newTestJob returns the sample job. It is part of the binary, so that it runs on a
// machine without Go. It has no flags, because all arguments are the job's.
func newTestJob() *cobra.Command {
	return &cobra.Command{
		Use:                "test-job [ARGS...]",
		Short:              "Print environment and arguments",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			signal.Reset(os.Interrupt, syscall.SIGTERM) // main catches them, but they must end a task
			code := testjob.Run(args, os.Environ(), cmd.OutOrStdout(), cmd.ErrOrStderr(), time.Sleep)
			if code != 0 {
				return &exitError{code: code}
			}
			return nil
		},
	}
}
