package main

import (
	"slices"
	"testing"

	"github.com/spf13/cobra"
)

// A command that needs an argument names it.
func TestOneArgument(t *testing.T) {
	t.Parallel()
	parent, cmd := &cobra.Command{Use: "runwith"}, &cobra.Command{Use: "backup FILE", Args: oneArgument}
	parent.AddCommand(cmd)
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, "FILE is missing: runwith backup FILE"},
		{[]string{""}, "FILE is missing: runwith backup FILE"},
		{[]string{"a", "b"}, "one FILE is expected, got 2: a b"},
	} {
		if err := cmd.ValidateArgs(test.args); err == nil || err.Error() != test.want {
			t.Errorf("backup with %q = %v, want %s", test.args, err, test.want)
		}
	}
	if err := cmd.ValidateArgs([]string{"a"}); err != nil {
		t.Errorf("backup with one argument = %v", err)
	}
}

// Each command that needs one argument has its name in the usage line.
func TestArgumentsHaveNames(t *testing.T) {
	t.Parallel()
	missing := 0
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Args != nil && cmd.RunE != nil && cmd.ValidateArgs(nil) != nil { // panics without a name
			missing++
		}
		for child := range slices.Values(cmd.Commands()) {
			walk(child)
		}
	}
	if walk(newRoot()); missing < 10 {
		t.Errorf("%d commands miss their argument, want at least 10", missing)
	}
}
