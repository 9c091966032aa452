package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
)

func newSchedulesSet() *cobra.Command {
	var (
		spec           runwith.ScheduleSpec
		params, labels []string
	)
	cmd := scheduleCommand(&cobra.Command{
		Use:   "set NAME",
		Short: "Make or replace a schedule",
		Long: `Set makes a schedule, or replaces one that it has made. It needs the verbs start and
operate on the job. A schedule of the configuration file is changed there.`,
		Example: `  runwith schedules set nightly --cron '0 2 * * *' --zone Europe/Berlin --job reindex --param tenant=acme
  runwith schedules set hourly --cron @hourly --job test-job --overlap allow`,
		PreRunE: func(*cobra.Command, []string) error {
			switch {
			case spec.Cron == "":
				return misused("--cron: is required, such as --cron '0 2 * * *' or --cron @daily")
			case spec.Job == "":
				return misused("--job: is required, the job to start")
			}
			return nil
		},
	}, func(ctx context.Context, c *runwith.Client, name string) (_ *runwith.Schedule, err error) {
		if spec.Labels, err = pairs("--label", labels); err != nil {
			return nil, &exitError{exitUsage, err}
		}
		values, err := pairs("--param", params)
		if err != nil {
			return nil, &exitError{exitUsage, err}
		}
		q := runwith.Request{Parameters: map[string]any{}}
		for name, value := range values {
			q.Parameters[name] = value
		}
		if err := (&requestFlags{params: params}).typed(ctx, c, spec.Job, &q); err != nil {
			return nil, err
		}
		spec.Parameters = q.Parameters
		return c.SetSchedule(ctx, name, spec)
	})
	flags := cmd.Flags()
	flags.StringVar(&spec.Cron, "cron", "", "when it starts: five fields, or a macro such as @daily: `LINE` (required)")
	flags.StringVar(&spec.Zone, "zone", "", "IANA `ZONE` whose clock the cron line follows (default UTC)")
	flags.StringVar(&spec.Job, "job", "", "`JOB` to start (required)")
	flags.StringArrayVarP(&params, "param", "p", nil, "set a parameter of the job: `NAME=VALUE` (repeatable)")
	flags.StringArrayVar(&labels, "label", nil, "attach a label to the invocations: `NAME=VALUE` (repeatable)")
	flags.StringVar(&spec.Overlap, "overlap", "", "if the invocation before has not ended: skip, queue, replace or allow: `RULE` (default skip)")
	flags.StringVar(&spec.CatchUp, "catch-up", "", "how late the latest missed slot still starts: `DURATION` (default 1h; 0s starts none late)")
	flags.StringVar(&spec.Jitter, "jitter", "", "spread starts over `DURATION` after the slot")
	return cmd
}
