package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/archive"
)

func newBackup() *cobra.Command {
	var (
		data  string
		force bool
	)
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write the state of a data folder to a file",
		Long: `Backup writes the databases and the output of all tasks in a data folder to a tar
file. A server may be running on the folder. FILE may be - for standard output.
To get the state back, see runwith restore.

If runwith store copy has moved the invoker's store to PostgreSQL, the backup says so
too: no server opens that store after a restore. Back up the database instead.`,
		Example: `  runwith backup state.tar
  runwith backup - --data /srv/runwith | zstd > state.tar.zst`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			written, err := backup(cmd, archive.Source{Dir: data, Version: version()}, args[0], force)
			if err != nil {
				return interruptedOr(cmd, err)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "backed up %s (%s)\n", data, written)
			return nil
		},
	}
	addData(cmd, &data)
	cmd.Flags().BoolVar(&force, "force", false, "replace FILE if it exists")
	return cmd
}

func backup(cmd *cobra.Command, from archive.Source, file string, force bool) (archive.Content, error) {
	if file == "-" {
		return from.Write(cmd.Context(), cmd.OutOrStdout())
	}
	return from.WriteFile(cmd.Context(), file, force)
}
