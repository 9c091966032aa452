package main

import (
	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/display"
)

func newBudgets() *cobra.Command {
	var (
		to     clientFlags
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "budgets",
		Short: "Show how much of this month's budgets is used",
		Long: `Budgets shows the budgets of runwith.yaml as they are in this month (UTC): how much
invocations that have ended have used, by estimate, and how much is reserved for the
worst case of the others. You see all budgets with the verb operate on every job, and
otherwise those that name you as the caller.`,
		Example: `  runwith budgets
  runwith budgets --json | jq -r '.[] | select(.percent >= 80) | .name'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := to.client()
			if err != nil {
				return err
			}
			all, err := client.Budgets(cmd.Context())
			switch {
			case err != nil:
				return err
			case asJSON && all == nil:
				return printJSON(cmd.OutOrStdout(), []*runwith.Budget{})
			case asJSON:
				return printJSON(cmd.OutOrStdout(), all)
			}
			return display.Budgets(screen(cmd.OutOrStdout()), all)
		},
	}
	to.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the JSON of the invoker's API")
	return cmd
}
