package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/testjob"
)

// newTestJob is the sample job, carried along so that a machine without Go can
// run it. Its arguments are the job's, so that none of them is a flag.
func newTestJob() *cobra.Command {
	return &cobra.Command{
		Use:                "test-job [ARGS...]",
		Short:              "Print environment and arguments, as the sample job does",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			signal.Reset(os.Interrupt, syscall.SIGTERM) // main catches them; a task ends by them
			code := testjob.Run(args, os.Environ(), cmd.OutOrStdout(), cmd.ErrOrStderr(), time.Sleep)
			if code != 0 {
				return &exitError{code: code}
			}
			return nil
		},
	}
}
