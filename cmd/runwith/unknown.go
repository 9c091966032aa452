package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/runwith/runwith/internal/suggest"
)

// unknownFlag returns the error for a flag that a command does not have. It names the
// nearest one.
func unknownFlag(cmd *cobra.Command, err *pflag.NotExistError) error {
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	if near := suggest.Nearest(err.GetSpecifiedName(), known); near != "" && err.GetSpecifiedShortnames() == "" {
		return fmt.Errorf("%w; did you mean --%s?", err, near)
	}
	return err
}

// strictDefaults makes the commands that cobra adds refuse what does not exist. Cobra itself prints
// a help text for it, as a success.
func strictDefaults(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Run, cmd.RunE = nil, showHelp
		case "completion":
			newGroup(cmd)
		}
	}
}

// showHelp shows the help of the command that the arguments name.
func showHelp(cmd *cobra.Command, args []string) error {
	found, rest, err := cmd.Root().Find(args)
	if err == nil {
		err = unknownCommand(found, rest)
	}
	if err != nil {
		return usage(err)
	}
	found.InitDefaultHelpFlag()
	return found.Help()
}

// unknownCommand returns the error for a subcommand that a group does not have. It names
// the nearest one.
func unknownCommand(group *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var known []string
	for _, cmd := range group.Commands() {
		known = append(known, cmd.Name())
	}
	text := fmt.Sprintf("unknown command %q for %q", args[0], group.CommandPath())
	if near := suggest.Nearest(args[0], known); near != "" {
		text += "; did you mean " + near + "?"
	}
	return misused("%s", text)
}
