package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/display"
)

func newOperations() *cobra.Command {
	var f cloudRunFlags
	group := &cobra.Command{
		Use:   "operations",
		Short: "List long-running operations",
		Long: `Operations shows the long-running operations of a Cloud Run Jobs API: runs,
updates, cancellations and deletions.`,
		Example: `  runwith operations list`,
	}
	f.add(group)
	return newGroup(group, newOperationsList(&f))
}

func newOperationsList(f *cloudRunFlags) *cobra.Command {
	var limit int
	cmd := f.lists(&cobra.Command{
		Use:   "list",
		Short: "List operations, the newest first",
		Example: `  runwith operations list --limit 20
  runwith operations list --json | jq -r '.[] | select(.done | not) | .name'`,
	}, func(ctx context.Context, c *cloudRun, out io.Writer, asJSON bool) error {
		if err := checkLimit(limit); err != nil {
			return err
		}
		operations, err := collectSome(c.Operations(ctx), limit)
		if err != nil {
			return err
		}
		if asJSON {
			return printMessages(out, operations)
		}
		return display.Operations(screen(out), time.Now(), operations)
	})
	addLimit(cmd, &limit)
	return cmd
}
