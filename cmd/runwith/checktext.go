package main

import (
	"slices"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// fileFlags are the flags of the invoker's clients that name a file. Names of files are bytes.
func fileFlags() []string { return []string{"api-key-file", "each"} }

// checkText refuses arguments and flags that are not UTF-8: all of them become text of a request.
func checkText(cmd *cobra.Command, args []string) (err error) {
	for _, arg := range args {
		if !utf8.ValidString(arg) {
			return misused("argument %q: must be UTF-8 text", arg)
		}
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if slices.Contains(fileFlags(), f.Name) {
			return
		}
		for _, value := range flagValues(f) {
			if err == nil && !utf8.ValidString(value) {
				err = misused("--%s %q: must be UTF-8 text", f.Name, value)
			}
		}
	})
	return err
}

// flagValues returns the values of a flag, which may be repeatable.
func flagValues(f *pflag.Flag) []string {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return list.GetSlice()
	}
	return []string{f.Value.String()}
}
