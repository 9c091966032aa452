package main

import (
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/runwith/runwith/internal/suggest"
)

// variablePrefix begins the names of the environment variables that set flags of a server.
const variablePrefix = "RUNWITH_"

// variableOf returns the name of the environment variable that sets a server's flag.
func variableOf(flag string) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// settableByEnvironment lets environment variables set the flags of a server, and names
// them in its help. It comes after all flags have been added.
func settableByEnvironment(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if variable := variableOf(f.Name); !strings.Contains(f.Usage, variable) {
			f.Usage += " (" + variable + ")"
		}
	})
	cmd.Long += `

You can also set each flag by the environment variable in its description, and
--verbose by RUNWITH_VERBOSE. A flag on the command line overrides its variable. Give
a repeatable flag one value on each line.`
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return readEnvironment(cmd, os.Environ()) }
	return cmd
}

// readEnvironment sets the flags that are not on the command line.
func readEnvironment(cmd *cobra.Command, environment []string) error {
	for _, pair := range environment {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, variablePrefix) || value == "" {
			continue
		}
		flag := flagOf(cmd, name)
		switch {
		case flag == nil:
			warnAboutVariable(cmd, name)
		case flag.Changed:
		default:
			if err := setAll(cmd, flag, value); err != nil {
				return misused("%s: %w", name, flagError(cmd, err))
			}
		}
	}
	return nil
}

// flagOf returns the flag that a variable sets, or nil.
func flagOf(cmd *cobra.Command, variable string) (found *pflag.Flag) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" && variableOf(f.Name) == variable {
			found = f
		}
	})
	return found
}

// setAll sets a flag, or each value of a repeatable flag.
func setAll(cmd *cobra.Command, f *pflag.Flag, value string) error {
	values := []string{value}
	if _, repeatable := f.Value.(pflag.SliceValue); repeatable {
		values = strings.FieldsFunc(value, func(r rune) bool { return r == '\n' || r == '\r' })
	}
	for _, v := range values {
		if err := cmd.Flags().Set(f.Name, v); err != nil {
			return err
		}
	}
	return nil
}

// otherVariables are those that no server's flag has: of clients, and of tasks.
func otherVariables() []string {
	return []string{"RUNWITH_SERVER", "RUNWITH_API_KEY", "RUNWITH_INVOCATION", "RUNWITH_RECORD", "RUNWITH_ATTEMPT"}
}

// warnAboutVariable warns about a variable that no server knows. It accepts the variables of
// other servers, because servers can share a file of variables.
func warnAboutVariable(cmd *cobra.Command, name string) {
	known := map[string]bool{} // without the prefix, which would make all names alike
	for _, other := range cmd.Parent().Commands() {
		if other.PreRunE != nil {
			other.Flags().VisitAll(func(f *pflag.Flag) { known[strings.TrimPrefix(variableOf(f.Name), variablePrefix)] = true })
		}
	}
	short := strings.TrimPrefix(name, variablePrefix)
	if known[short] || slices.Contains(otherVariables(), name) || strings.HasPrefix(name, "RUNWITH_TEST_") {
		return
	}
	hint := ""
	if near := suggest.Nearest(short, slices.Sorted(maps.Keys(known))); near != "" {
		hint = "; did you mean " + variablePrefix + near + "?"
	}
	note(cmd.ErrOrStderr(), "%s is ignored: no flag of a server has that name%s", name, hint)
}
