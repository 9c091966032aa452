package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/display"
)

func newInvocationsList() *cobra.Command {
	var (
		f     listFlags
		limit int
	)
	cmd := question[[]*runwith.Invocation]{
		ask: func(ctx context.Context, c *runwith.Client, _ []string) ([]*runwith.Invocation, error) {
			o, err := f.options()
			if err != nil {
				return nil, &exitError{exitUsage, err}
			}
			if o.PageSize, err = pageSize(limit); err != nil {
				return nil, err
			}
			return collectSome(c.Invocations(ctx, o), limit)
		},
		show: now(display.Invocations),
	}.command(&cobra.Command{
		Use:   "list",
		Short: "List invocations, the newest first",
		Example: `  runwith invocations list
  runwith invocations list --state failed --state unresolved --after -24h
  runwith invocations list --label tenant=acme
  runwith invocations list --caller docs-api --job reindex
  runwith invocations list --source schedule/nightly
  runwith invocations list --job nightly --limit 1000 --json | jq -r '.[].id'`,
		Args: cobra.NoArgs,
	})
	f.add(cmd)
	addSome(cmd, &limit)
	return cmd
}

// listFlags are the flags that select invocations.
type listFlags struct {
	runwith.ListOptions

	states, labels []string
	after, before  pastTime
}

func (f *listFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.Job, "job", "", "only invocations of `JOB`")
	flags.StringArrayVar(&f.states, "state", nil, "only invocations in `STATE`, such as running or unresolved (repeatable: in one of them)")
	flags.StringVar(&f.Caller, "caller", "", "only invocations that `CALLER` has started")
	flags.Var(&f.after, "after", "only invocations that were accepted at `TIME` or later, such as 2026-12-01T02:00:00Z, -90m or -7d")
	flags.Var(&f.before, "before", "only invocations that were accepted before `TIME`")
	flags.StringArrayVar(&f.labels, "label", nil, "only invocations with the label `NAME=VALUE` (repeatable)")
	flags.StringVar(&f.Source, "source", "", "only invocations of a schedule or trigger: `KIND/NAME`, such as schedule/nightly, or schedule/ for all schedules")
	flags.StringVar(&f.RerunOf, "rerun-of", "", "only invocations that run the invocation `ID` again")
}

// options returns what the flags ask for.
func (f *listFlags) options() (_ *runwith.ListOptions, err error) {
	o := f.ListOptions
	for _, state := range f.states {
		o.States = append(o.States, runwith.State(state))
	}
	o.After, o.Before = f.after.at, f.before.at
	o.Labels, err = pairs("--label", f.labels)
	return &o, err
}

// pastTime is the flag for a time, or for a duration before now.
type pastTime struct{ at time.Time }

// Set sets the time from RFC 3339, or from a duration with a minus sign.
func (p *pastTime) Set(text string) (err error) {
	if ago, ok := strings.CutPrefix(text, "-"); ok {
		var d time.Duration
		d, err = daysOrDuration(ago)
		p.at = time.Now().Add(-d).UTC()
	} else {
		p.at, err = time.Parse(time.RFC3339, text)
	}
	if err != nil {
		return errors.New("must be a time with its zone, such as 2026-12-01T02:00:00Z, or a duration ago such as -90m or -7d")
	}
	return nil
}

func (p *pastTime) String() string {
	if p.at.IsZero() {
		return ""
	}
	return p.at.Format(time.RFC3339)
}

// Type returns the name of the value in help.
func (p *pastTime) Type() string { return "time" }
