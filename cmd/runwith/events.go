package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/display"
)

func newEvents() *cobra.Command {
	group := &cobra.Command{
		Use:   "events",
		Short: "List, show and retry the events of triggers",
		Long: `Events shows what the triggers of runwith.yaml have received: the events that have
started a job, and those that could not. A refused event is kept for 31 days. Once
you have changed the configuration, retry it. docs/triggers.md explains refusals.`,
		Example: `  runwith events list --outcome refused
  runwith events show 01a20a4f-52d9-7299-8052-429d4e3782dc
  runwith events retry --all --trigger uploads`,
	}
	return newGroup(group, newEventsList(), newEventsShow(), newEventsRetry())
}

func newEventsList() *cobra.Command {
	var (
		o       runwith.TriggerEventOptions
		outcome string
		limit   int
	)
	cmd := question[[]*runwith.TriggerEvent]{
		ask: func(ctx context.Context, c *runwith.Client, _ []string) (_ []*runwith.TriggerEvent, err error) {
			if o.PageSize, err = pageSize(limit); err != nil {
				return nil, err
			}
			o.Outcome = runwith.TriggerOutcome(outcome)
			return collectSome(c.TriggerEvents(ctx, &o), limit)
		},
		show: now(display.TriggerEvents),
	}.command(&cobra.Command{
		Use:   "list",
		Short: "List events, the newest first",
		Long: `List shows the events of the triggers whose jobs you may view. An event that was
refused at first and then retried is among the accepted ones.`,
		Example: `  runwith events list
  runwith events list --outcome refused --trigger uploads
  runwith events list --outcome refused --json | jq -r '.[].error.message'`,
		Args: cobra.NoArgs,
	})
	flags := cmd.Flags()
	flags.StringVar(&o.Trigger, "trigger", "", "only events of the trigger `NAME`")
	flags.StringVar(&outcome, "outcome", "", "only events with `OUTCOME`: accepted or refused")
	addSome(cmd, &limit)
	return cmd
}

func newEventsShow() *cobra.Command {
	return question[*runwith.TriggerEvent]{
		ask: func(ctx context.Context, c *runwith.Client, args []string) (*runwith.TriggerEvent, error) {
			return c.TriggerEvent(ctx, args[0])
		},
		show: now(display.TriggerEvent),
	}.command(&cobra.Command{
		Use:   "show ID",
		Short: "Show an event with its content",
		Long: `Show prints an event and what its sender sent; of a refused one, also why it was refused
and how often it arrived. The content is *** unless you have the verb values on the job.`,
		Example: `  runwith events show 01a20a4f-52d9-7299-8052-429d4e3782dc
  runwith events show 01a20a4f-52d9-7299-8052-429d4e3782dc --json | jq -r .body`,
		Args: oneArgument,
	})
}

func newEventsRetry() *cobra.Command {
	var (
		to      clientFlags
		all     bool
		trigger string
		asJSON  bool
	)
	cmd := &cobra.Command{
		Use:   "retry ID... | --all --trigger NAME",
		Short: "Start the job for refused events",
		Long: `Retry decodes each refused event with the current configuration, and starts the job.
The job starts once for an event, however often you retry it or it arrives. An event
that is still wrong stays refused, with the new reason, and the exit code is 1.

With --all it retries all refused events of a trigger. It needs the verb operate on
the job.`,
		Example: `  runwith events retry 01a20a4f-52d9-7299-8052-429d4e3782dc
  runwith events retry --all --trigger uploads`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case all == (len(args) > 0):
				return misused("name events, or all of a trigger with --all: %s ID", cmd.CommandPath())
			case all && trigger == "":
				return misused("--all needs --trigger NAME, the trigger whose refused events are retried")
			case !all && trigger != "":
				return misused("--trigger %s: is for --all, which retries all refused events of the trigger", trigger)
			}
			client, err := to.client()
			if err != nil {
				return err
			}
			if all {
				if args, err = refusedEvents(cmd.Context(), client, trigger); err != nil {
					return err
				}
			}
			retried, err := retryEvents(cmd.Context(), client, cmd.ErrOrStderr(), args)
			if asJSON {
				return errors.Join(printJSON(cmd.OutOrStdout(), retried), err)
			}
			for _, e := range retried {
				err = errors.Join(err, printLine(cmd.OutOrStdout(), "event %s has started invocation %s", e.ID, e.Invocation))
			}
			if all && len(args) == 0 {
				err = errors.Join(err, printLine(cmd.OutOrStdout(), "trigger %s has no refused events", trigger))
			}
			return err
		},
	}
	to.add(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&all, "all", false, "retry all refused events of a trigger")
	flags.StringVar(&trigger, "trigger", "", "with --all: the trigger `NAME`")
	flags.BoolVar(&asJSON, "json", false, "print the JSON of the retried events")
	return cmd
}

// refusedEvents returns the IDs of all refused events of a trigger, oldest first. A trigger
// without any event is an error, because its name may be misspelled.
func refusedEvents(ctx context.Context, client *runwith.Client, trigger string) (ids []string, err error) {
	o := runwith.TriggerEventOptions{Trigger: trigger, Outcome: runwith.TriggerRefused, PageSize: 1000}
	for e, err := range client.TriggerEvents(ctx, &o) {
		if err != nil {
			return nil, err
		}
		ids = append([]string{e.ID}, ids...)
	}
	if len(ids) > 0 {
		return ids, nil
	}
	o.Outcome, o.PageSize = "", 1
	seen, err := collectSome(client.TriggerEvents(ctx, &o), 1)
	if err == nil && len(seen) == 0 {
		err = runwith.Errorf(runwith.NotFound, "trigger %s has no events: check the name with runwith events list", trigger)
	}
	return nil, err
}

// retryEvents retries events, and returns those for which the job was started. It goes on
// after an event that is still refused, and stops at any other error.
func retryEvents(ctx context.Context, client *runwith.Client, log io.Writer, ids []string) (retried []*runwith.TriggerEvent, err error) {
	retried = []*runwith.TriggerEvent{}
	refused := 0
	for _, id := range ids {
		e, err := client.RetryEvent(ctx, id)
		switch {
		case err == nil:
			retried = append(retried, e)
		case runwith.CodeOf(err) != runwith.FailedPrecondition || len(ids) == 1:
			return retried, err
		default:
			refused++
			fmt.Fprintln(log, printable(log, err.Error(), false))
		}
	}
	if refused > 0 {
		return retried, fmt.Errorf("%s still refused", counted(refused, "event is", "events are"))
	}
	return retried, nil
}
