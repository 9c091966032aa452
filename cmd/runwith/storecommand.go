package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/invoker/store/postgres"
	"github.com/runwith/runwith/internal/terminal"
)

func newStore() *cobra.Command {
	group := &cobra.Command{
		Use:   "store",
		Short: "Look after a PostgreSQL store",
		Long: `Store looks after the PostgreSQL database in which several servers keep their
invocations (runwith serve --store postgres://...). A server makes and updates its
tables by itself if its user may change the schema. With store migrate, another user
does that, before the new version of runwith is rolled out.`,
		Example: `  runwith store migrate --store postgres://owner@db.example.com/runwith
  runwith store copy --from sqlite:.runwith --to postgres://runwith@db.example.com/runwith
  runwith store status`,
	}
	return newGroup(group, newStoreMigrate(), newStoreCopy(), newStoreStatus())
}

// addStore adds the flag that names a database.
func addStore(cmd *cobra.Command, where *string) {
	cmd.Flags().StringVar(where, "store", env("RUNWITH_STORE", ""), "`URL` of the database, postgres://USER@HOST/DATABASE (RUNWITH_STORE)")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		switch {
		case *where == "":
			return misused("--store: is required, such as postgres://runwith@db.example.com/runwith")
		case !postgres.IsURL(*where):
			return misused("--store %s: must be a URL that begins with postgres://", postgres.Redacted(*where))
		}
		return nil
	}
}

func newStoreMigrate() *cobra.Command {
	var where string
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Make or update the tables in the database",
		Long: `Migrate makes the tables that this version of runwith needs, or brings older ones up
to date, in one transaction. If they are up to date it changes nothing, so you can run
it before each rollout.

A schema tells which versions of runwith can work with it. Migrate first, then replace
the servers one by one: after one step of the schema, the servers of the version before
keep working.`,
		Example: `  runwith store migrate --store postgres://owner@db.example.com/runwith
  RUNWITH_STORE=postgres://owner:secret@db.example.com/runwith runwith store migrate`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			before, err := postgres.Migrate(cmd.Context(), postgres.Options{URL: where})
			if err != nil {
				return interruptedOr(cmd, err)
			}
			if before.Schema >= postgres.Newest {
				return printLine(cmd.OutOrStdout(), "the schema is up to date (version %d)", before.Schema)
			}
			return printLine(cmd.OutOrStdout(), "migrated the schema from version %d to %d", before.Schema, postgres.Newest)
		},
	}
	addStore(cmd, &where)
	return cmd
}

func newStoreStatus() *cobra.Command {
	var (
		where  string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the database, its schema and who works on it",
		Long: `Status shows the version of PostgreSQL and of the schema, how many invocations have
not ended, and the leases: what one server does at present for all of them. It exits
with 1 if this version of runwith cannot work with the database.`,
		Example: `  runwith store status --store postgres://runwith@db.example.com/runwith
  runwith store status --json | jq .leases`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			status, err := postgres.Examine(cmd.Context(), postgres.Options{URL: where})
			if err != nil {
				return interruptedOr(cmd, err)
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), status)
			} else {
				err = showStatus(screen(cmd.OutOrStdout()), postgres.Redacted(where), status)
			}
			if err != nil {
				return err
			}
			return status.Schema.Fits()
		},
	}
	addStore(cmd, &where)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// showStatus shows the status of a database to people.
func showStatus(screen *terminal.Screen, where string, s postgres.Status) error {
	shown := terminal.Sections{Screen: screen}
	shown.Begin(where)
	shown.Row("PostgreSQL", s.Server)
	shown.Row("Schema", fmt.Sprintf("version %d; this runwith has version %d", s.Schema.Schema, s.Program))
	shown.Row("Size", fmt.Sprintf("%.1f MiB", float64(s.Size)/(1<<20)))
	if s.Pooler {
		shown.Row("Pooler", "yes, so changes by other servers are seen within a second")
	}
	if s.ReadOnly {
		shown.Row("Read-only", "yes, so servers accept nothing")
	}
	var counts []string
	for _, state := range slices.Sorted(maps.Keys(s.Outstanding)) {
		counts = append(counts, strconv.FormatInt(s.Outstanding[state], 10)+" "+state)
	}
	shown.Row("Outstanding", strings.Join(counts, ", "))
	if len(s.Leases) > 0 {
		shown.Begin("Leases")
	}
	for _, l := range s.Leases {
		shown.Row(l.Name, fmt.Sprintf("held by %s until %s (epoch %d)", l.Holder, l.Until.UTC().Format(time.TimeOnly), l.Epoch))
	}
	return shown.End()
}
