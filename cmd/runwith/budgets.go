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
		Long: `Budgets shows the budgets of runwith.yaml in this month (UTC): the estimated use of
ended invocations, and the worst case that is reserved for the others. With the verb
operate on every job, you see all budgets. Otherwise you see those that name you as
the caller.`,
		Example: `  runwith budgets
  runwith budgets --json | jq -r '.[] | select(.percent >= 80) | .name'`,
		Args: cobra.NoArgs,
	})
}
