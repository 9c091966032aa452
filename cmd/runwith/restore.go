package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/archive"
	"github.com/runwith/runwith/internal/invoker/store/sqlite"
)

func newRestore() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Fill an empty data folder from a backup",
		Long: `Restore fills an empty or new data folder with the state that runwith backup wrote.
FILE may be - for standard input. Start a server on the folder to continue.

Tasks that were running when the backup was made run again from their beginning,
even if the first server has finished them since, because the backup cannot know.
In a copy of runwith up, invocations that waited start too. So do not let two
servers work on copies of the same state.

The folder of runwith serve has no engine. After a restore, the invoker first reads
from Cloud Run which jobs it started since the backup. Until then it refuses
requests with a key. This takes the longest time of a call plus --settle.`,
		Example: `  runwith restore state.tar --data /srv/restored
  runwith up --data /srv/restored`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			restored, err := restore(cmd, args[0], data)
			if err != nil {
				return interruptedOr(cmd, fmt.Errorf("restore %s: %w", args[0], err))
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "restored %s (%s)\n", data, restored)
			return nil
		},
	}
	addData(cmd, &data)
	return cmd
}

func restore(cmd *cobra.Command, file, data string) (archive.Content, error) {
	in := cmd.InOrStdin()
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return archive.Content{}, err
		}
		defer opened.Close()
		in = opened
	}
	target := archive.Target{Dir: data, Mark: archive.InvokerDatabase + sqlite.RestoredSuffix}
	return target.Extract(cmd.Context(), in)
}
