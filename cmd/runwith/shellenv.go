package main

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
)

func newEnv() *cobra.Command {
	var (
		f     emulationFlags
		name  string
		unset bool
	)
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Print variables that make gcloud call an engine",
		Long: `Env prints commands for your shell that set environment variables. With them,
gcloud calls the engine of runwith up or runwith engine instead of Google's Cloud
Run, and gcloud commands for anything but jobs and their logs fail. With --unset
it prints commands that unset the variables; it does not restore earlier values.

To run a single command, see runwith gcloud.`,
		Example: `  eval "$(runwith env)"              # sh, bash, zsh
  eval "$(runwith env --unset)"
  runwith env --shell fish | source
  runwith env --shell powershell | Out-String | Invoke-Expression`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := dialectOf(name)
			if err != nil {
				return err
			}
			if unset {
				for _, v := range (&emulation{}).variables() {
					if _, err := fmt.Fprintf(cmd.OutOrStdout(), d.unset+"\n", v.name); err != nil {
						return err
					}
				}
				return nil
			}
			e, err := f.find(cmd.Context())
			switch {
			case err != nil:
				return err
			case e.asksForTokens:
				return fmt.Errorf("the engine at %s requires tokens, which expire within an hour: use runwith gcloud -- ARGS..., which gets one each time", f.endpoint)
			}
			for _, v := range e.variables() {
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), d.set+"\n", v.name, d.quote(v.value)); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&name, "shell", usualShell(), "`SHELL` to print commands for: sh, fish or powershell")
	cmd.Flags().BoolVar(&unset, "unset", false, "print commands that unset the variables")
	return cmd
}

// dialect is how a shell sets variables.
type dialect struct {
	set   string // format of a name and a quoted value
	unset string // format of a name
	quote func(string) string
}

func dialectOf(name string) (dialect, error) {
	switch name {
	case "sh", "bash", "zsh":
		return dialect{"export %s=%s", "unset %s", quoteBy(`'\''`)}, nil
	case "fish":
		return dialect{"set -gx %s %s", "set -e %s", quoteBy(`'\''`)}, nil
	case "powershell", "pwsh":
		return dialect{"$env:%s = %s", "Remove-Item Env:%s -ErrorAction SilentlyContinue", quoteBy(`''`)}, nil
	}
	return dialect{}, misused("--shell %q: must be sh, fish or powershell", name)
}

// quoteBy quotes with apostrophes, and replaces each apostrophe in the value.
func quoteBy(apostrophe string) func(string) string {
	return func(value string) string { return "'" + strings.ReplaceAll(value, "'", apostrophe) + "'" }
}

// usualShell returns the user's shell.
func usualShell() string {
	switch {
	case strings.HasSuffix(filepath.Base(env("SHELL", "")), "fish"):
		return "fish"
	case runtime.GOOS == "windows":
		return "powershell"
	}
	return "sh"
}
