package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/configfile"
)

// configurationName is the usual name of a configuration file.
const configurationName = "runwith.yaml"

func newInit() *cobra.Command {
	return &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a commented configuration file to begin with",
		Long: `Init writes a configuration file with comments: callers, jobs with parameters, and
callbacks. By default it writes runwith.yaml. It never overwrites a file.`,
		Example: `  runwith init
  runwith init deploy/runwith.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := configurationName
			if len(args) > 0 {
				name = args[0]
			}
			if err := writeNew(name, configfile.Starter); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s is written. Next: runwith up --config %s\n", name, name)
			return nil
		},
	}
}

// writeNew writes a file that does not exist yet.
func writeNew(name, content string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // it has no secrets, and servers of other users read it
	if errors.Is(err, fs.ErrExist) {
		return runwith.Errorf(runwith.AlreadyExists, "%s exists, and is not overwritten: name another file, or remove it", name)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	return errors.Join(err, f.Close())
}
