package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/invoker/auth"
	"github.com/runwith/runwith/internal/invoker/callback"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/policy"
	"github.com/runwith/runwith/internal/invoker/trigger"
)

func newConfig() *cobra.Command {
	group := &cobra.Command{
		Use:   "config",
		Short: "Check configuration files and print their schema",
		Long: `Config checks the file of runwith serve --config, which names callers, jobs and
callbacks, and prints its JSON Schema. Neither command calls a server.`,
		Example: `  runwith config check runwith.yaml
  runwith config schema > runwith.schema.json`,
	}
	return newGroup(group, newConfigCheck(), newConfigSchema())
}

func newConfigSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of configuration files",
		Long: `Schema prints the JSON Schema (2020-12) of configuration files. With it, an editor
completes fields and marks mistakes. The first line of a file can refer to it:

  # yaml-language-server: $schema=./runwith.schema.json`,
		Example: `  runwith config schema > runwith.schema.json`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			schema, err := configfile.Schema()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", schema)
			return err
		},
	}
}

func newConfigCheck() *cobra.Command {
	var withoutSecrets bool
	var allow []string
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Report the mistakes in a configuration file",
		Long: `Check reads a configuration file as runwith serve does, with its secrets, and
reports every mistake: one a line, as FILE:LINE:COLUMN: FIELD: MISTAKE. It exits
with 1 if there is one.

The secrets of a server are often not on the machine that checks its file.
--without-secrets leaves them unread.`,
		Example: `  runwith config check runwith.yaml
  runwith config check --without-secrets runwith.yaml    # in CI`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			allowed, err := callback.ParseAllowed(allow)
			if err != nil {
				return misused("--callback-allow %w", err)
			}
			file, err := checkConfiguration(args[0], withoutSecrets, allowed)
			faults, ok := errors.AsType[*configfile.FaultsError](err)
			switch {
			case ok:
				for _, f := range faults.List {
					if err := printLine(cmd.OutOrStdout(), "%s:%v", faults.File, f); err != nil {
						return err
					}
				}
				return &exitError{code: exitFailure}
			case err != nil:
				return err
			}
			return printLine(cmd.OutOrStdout(), "%s is correct: %s", args[0], summaryOf(file))
		},
	}
	cmd.Flags().BoolVar(&withoutSecrets, "without-secrets", false, "do not read the secrets that the file refers to")
	cmd.Flags().StringArrayVar(&allow, "callback-allow", nil, "private addresses that callbacks may be sent to, as for runwith serve: `CIDR` (repeatable)")
	return cmd
}

// checkConfiguration reads a configuration file as a server does.
func checkConfiguration(path string, withoutSecrets bool, allowed callback.Allowed) (*configfile.File, error) {
	content, err := contentOf(path)()
	if err != nil {
		return nil, err
	}
	resolve := secretsBeside(path)
	if withoutSecrets {
		resolve = nil
	}
	return configfile.Read(path, content, resolve, func(file *configfile.File) error {
		p, err := policy.New(file, nil)
		_, unreachable := endpointsOf(file, allowed)
		_, unplanned := compileSchedules(file, p)
		return configfile.Join(err, unreachable, trigger.Check(file), unplanned, auth.New(auth.Config{}).Use(file, nil))
	})
}

// summaryOf counts the entries of a configuration file.
func summaryOf(f *configfile.File) string {
	return strings.Join([]string{
		counted(len(f.Callers), "caller", "callers"),
		counted(len(f.Jobs), "job", "jobs"),
		counted(len(f.Triggers), "trigger", "triggers"),
		counted(len(f.Schedules), "schedule", "schedules"),
		counted(len(f.Budgets), "budget", "budgets"),
		counted(len(f.Callbacks), "callback", "callbacks"),
	}, ", ")
}
