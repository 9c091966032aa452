package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/display"
)

func newSchedules() *cobra.Command {
	group := &cobra.Command{
		Use:   "schedules",
		Short: "List, show, pause, run and make schedules",
		Long: `Schedules start jobs by the clock. The invoker of runwith up or runwith serve has
those of its configuration file, and those that set has made. docs/schedules.md has
the rules: cron lines, zones, overlap, and what happens to a late slot.`,
		Example: `  runwith schedules list
  runwith schedules next nightly --count 5
  runwith schedules set hourly --cron @hourly --job test-job`,
	}
	return newGroup(group, newSchedulesList(), newSchedulesShow(), newSchedulesNext(), newSchedulesPause(), newSchedulesResume(),
		newSchedulesRunNow(), newSchedulesSet(), newSchedulesDelete())
}

func newSchedulesList() *cobra.Command {
	return question[[]*runwith.Schedule]{
		ask: func(ctx context.Context, c *runwith.Client, _ []string) ([]*runwith.Schedule, error) {
			return c.Schedules(ctx)
		},
		show: now(display.Schedules),
	}.command(&cobra.Command{
		Use:   "list",
		Short: "List schedules with their next and latest slots",
		Example: `  runwith schedules list
  runwith schedules list --json | jq -r '.[] | select(.last.result == "failed") | .name'`,
		Args: cobra.NoArgs,
	})
}

// scheduleCommand returns a command about one schedule, which it shows.
func scheduleCommand(cmd *cobra.Command, do func(context.Context, *runwith.Client, string) (*runwith.Schedule, error)) *cobra.Command {
	cmd.Args = oneArgument
	return question[*runwith.Schedule]{
		ask: func(ctx context.Context, c *runwith.Client, args []string) (*runwith.Schedule, error) {
			return do(ctx, c, args[0])
		},
		show: now(display.Schedule),
	}.command(cmd)
}

func newSchedulesShow() *cobra.Command {
	return scheduleCommand(&cobra.Command{
		Use:     "show NAME",
		Short:   "Show a schedule, and what became of its latest slot",
		Example: `  runwith schedules show nightly`,
	}, func(ctx context.Context, c *runwith.Client, name string) (*runwith.Schedule, error) {
		return c.Schedule(ctx, name)
	})
}

func newSchedulesPause() *cobra.Command {
	return scheduleCommand(&cobra.Command{
		Use:   "pause NAME",
		Short: "Pause a schedule",
		Long: `Pause makes the slots of a schedule start nothing, until you resume it. It needs the
verb operate on the job.`,
		Example: `  runwith schedules pause nightly`,
	}, func(ctx context.Context, c *runwith.Client, name string) (*runwith.Schedule, error) {
		return c.PauseSchedule(ctx, name)
	})
}

func newSchedulesResume() *cobra.Command {
	return scheduleCommand(&cobra.Command{
		Use:   "resume NAME",
		Short: "Resume a paused schedule",
		Long: `Resume ends a pause. The next slot from now is the first: those within the pause
start nothing. A schedule that the configuration file pauses is resumed there.`,
		Example: `  runwith schedules resume nightly`,
	}, func(ctx context.Context, c *runwith.Client, name string) (*runwith.Schedule, error) {
		return c.ResumeSchedule(ctx, name)
	})
}

func newSchedulesNext() *cobra.Command {
	var (
		to     clientFlags
		count  int
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "next NAME",
		Short: "Print the next slots of a schedule",
		Long: `Next prints when a schedule starts its job next, in its own zone and in UTC. It does
so also for a paused schedule.`,
		Example: `  runwith schedules next nightly
  runwith schedules next nightly --count 5`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := to.client()
			if err != nil {
				return err
			}
			one, err := client.Schedule(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			slots, err := client.NextSlots(cmd.Context(), args[0], count)
			switch {
			case err != nil:
				return err
			case asJSON:
				return printJSON(cmd.OutOrStdout(), slots)
			}
			zone, err := time.LoadLocation(one.Zone)
			if err != nil {
				zone = time.UTC
			}
			for _, slot := range slots {
				text := slot.In(zone).Format("Mon 2006-01-02 15:04 -07:00") + "   " + slot.UTC().Format(time.RFC3339)
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), text); err != nil {
					return err
				}
			}
			return nil
		},
	}
	to.add(cmd)
	cmd.Flags().IntVar(&count, "count", 10, "print `N` slots, at most 1000")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the JSON of the invoker's API")
	return cmd
}

func newSchedulesRunNow() *cobra.Command {
	var (
		to     clientFlags
		key    string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "run-now NAME",
		Short: "Start the job of a schedule now",
		Long: `Run-now starts the job of a schedule with its parameters, also while it is paused,
and prints the invocation's ID. RUNWITH_SCHEDULE_TIME is the time of the request. It
needs the verb start on the job. If the schedule skips overlaps and an invocation of
it has not ended, run-now is refused.`,
		Example: `  runwith schedules run-now nightly
  runwith schedules run-now nightly --key after-the-repair-1`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := to.client()
			if err != nil {
				return err
			}
			i, err := client.RunSchedule(cmd.Context(), args[0], key)
			switch {
			case err != nil:
				return err
			case asJSON:
				return printJSON(cmd.OutOrStdout(), i)
			}
			return printLine(cmd.OutOrStdout(), "%s", i.ID)
		},
	}
	to.add(cmd)
	cmd.Flags().StringVar(&key, "key", "", "`KEY` of the request: a repeat with the same key starts nothing new")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the JSON of the invoker's API")
	return cmd
}

func newSchedulesDelete() *cobra.Command {
	var to clientFlags
	cmd := &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete a schedule",
		Long: `Delete deletes a schedule that set has made. Its invocations stay. One of the
configuration file is deleted there.`,
		Example: `  runwith schedules delete hourly`,
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := to.client()
			if err != nil {
				return err
			}
			if err := client.DeleteSchedule(cmd.Context(), args[0]); err != nil {
				return err
			}
			return printLine(cmd.OutOrStdout(), "%s is deleted", args[0])
		},
	}
	to.add(cmd)
	return cmd
}
