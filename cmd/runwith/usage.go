package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/display"
)

func newUsage() *cobra.Command {
	var (
		to            clientFlags
		month, by     string
		asJSON, asCSV bool
	)
	cmd := &cobra.Command{
		Use:   "usage",
		Short: "Show what jobs have used and cost in a month",
		Long: `Usage shows an estimate of what the ended invocations of a month have used:
vCPU-seconds, GiB-seconds, GPU-seconds and US dollars, beside the monthly free tier of
a billing account. Only Cloud Run's bill is exact. docs/cost.md explains the estimate.`,
		Example: `  runwith usage
  runwith usage --month 2026-10 --by day
  runwith usage --by label=tenant --csv > tenants.csv
  runwith usage prices`,
		Args: unknownCommand,
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if asJSON && asCSV {
			return misused("--json and --csv: choose one")
		}
		client, err := to.client()
		if err != nil {
			return err
		}
		report, err := client.Usage(cmd.Context(), month, by)
		switch {
		case err != nil:
			return err
		case asJSON:
			return printJSON(cmd.OutOrStdout(), report)
		case asCSV:
			return report.WriteCSV(cmd.OutOrStdout())
		}
		return display.UsageReport(screen(cmd.OutOrStdout()), report)
	}
	to.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&month, "month", "", "show `YYYY-MM` (UTC); by default the current month")
	flags.StringVar(&by, "by", "job", "sum by `GROUP`: job, caller, day, or label=NAME")
	flags.BoolVar(&asJSON, "json", false, "print the JSON of the invoker's API")
	flags.BoolVar(&asCSV, "csv", false, "print CSV, for a spreadsheet")
	cmd.AddCommand(newUsagePrices())
	return cmd
}

func newJobsEstimate() *cobra.Command {
	var (
		tasks   int
		timeout seconds
	)
	cmd := question[*runwith.JobEstimate]{
		ask: func(ctx context.Context, c *runwith.Client, args []string) (*runwith.JobEstimate, error) {
			return c.Estimate(ctx, args[0], &runwith.Overrides{TaskCount: tasks, Timeout: time.Duration(timeout)})
		},
		show: display.JobEstimate,
	}.command(&cobra.Command{
		Use:   "estimate JOB",
		Short: "Show what an execution of a job can cost",
		Long: `Estimate shows the worst case of a start: each task uses all its attempts, and each
attempt runs until its timeout. It also shows the average of this month's invocations.
It starts nothing. Unlike the other commands below jobs, it asks an invoker (--server),
and JOB is the invoker's name for it.`,
		Example: `  runwith jobs estimate nightly
  runwith jobs estimate nightly --tasks 100 --timeout 10m`,
		Args: oneArgument,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			for _, flag := range []string{"endpoint", "project", "region"} {
				if cmd.Flags().Changed(flag) {
					return misused("--%s: estimate asks an invoker, name it with --server", flag)
				}
			}
			return validTasks(cmd, tasks, time.Duration(timeout))
		},
	})
	flags := cmd.Flags()
	flags.IntVar(&tasks, "tasks", 0, "with `N` tasks, instead of the job's")
	flags.Var(&timeout, "timeout", "with this timeout of an attempt, instead of the job's: `DURATION`, or a number of seconds")
	for _, name := range []string{"endpoint", "project", "region"} { // of the other commands: see PreRunE
		flags.String(name, "", "")
		flags.Lookup(name).Hidden = true
	}
	return cmd
}
