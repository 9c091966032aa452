package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/display"
)

func newBudgets() *cobra.Command {
	return question[[]*runwith.Budget]{
		ask: func(ctx context.Context, c *runwith.Client, _ []string) ([]*runwith.Budget, error) {
			return c.Budgets(ctx)
		},
		show: display.Budgets,
	}.command(&cobra.Command{
		Use:   "budgets",
		Short: "Show how much of this month's budgets is used",
		Long: `Budgets shows the budgets of runwith.yaml as they are in this month (UTC): how much
invocations that have ended have used, by estimate, and how much is reserved for the
worst case of the others. You see all budgets with the verb operate on every job, and
otherwise those that name you as the caller.`,
		Example: `  runwith budgets
  runwith budgets --json | jq -r '.[] | select(.percent >= 80) | .name'`,
		Args: cobra.NoArgs,
	})
}
