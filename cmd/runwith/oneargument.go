package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// oneArgument reports whether a command got exactly one argument. The second word of its
// usage line names that argument.
func oneArgument(cmd *cobra.Command, args []string) error {
	name := strings.Fields(cmd.Use)[1]
	switch {
	case len(args) == 0, len(args) == 1 && args[0] == "":
		return misused("%s is missing: %s %s", name, cmd.CommandPath(), name)
	case len(args) == 1:
		return nil
	}
	return misused("one %s is expected, got %d: %s", name, len(args), strings.Join(args, " "))
}
