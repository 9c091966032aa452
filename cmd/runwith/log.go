package main

import (
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/jsonlog"
	"github.com/runwith/runwith/internal/terminal"
)

// logFormat is the format of a server's log.
type logFormat string

// The formats. Automatic is text on a terminal, and JSON elsewhere.
const (
	automaticLog logFormat = "auto"
	textLog      logFormat = "text"
	jsonLog      logFormat = "json"
)

// logFormatFlag is the flag that chooses a format.
const logFormatFlag = "log-format"

func addLogFormat(cmd *cobra.Command) {
	format := automaticLog
	cmd.Flags().Var(&format, logFormatFlag, "`FORMAT` of the log: text, json (as Cloud Logging reads it), or auto: text on a terminal and JSON elsewhere")
}

// String implements [pflag.Value].
func (f *logFormat) String() string { return string(*f) }

// Type implements [pflag.Value].
func (f *logFormat) Type() string { return "format" }

// Set implements [pflag.Value].
func (f *logFormat) Set(value string) error {
	switch logFormat(value) {
	case automaticLog, textLog, jsonLog:
		*f = logFormat(value)
		return nil
	}
	return misused("must be auto, text or json")
}

// json reports whether a log to w is JSON.
func (f logFormat) json(w io.Writer) bool {
	return f == jsonLog || f == automaticLog && !terminal.Is(w)
}

// newLogger returns a logger that writes to standard error, from the given level on. With
// --verbose it writes everything. A command without --log-format writes text.
func newLogger(cmd *cobra.Command, level slog.Level) *slog.Logger {
	if verbose, err := cmd.Flags().GetBool("verbose"); err == nil && verbose {
		level = slog.LevelDebug
	}
	out, format := cmd.ErrOrStderr(), textLog
	if flag := cmd.Flags().Lookup(logFormatFlag); flag != nil {
		format = logFormat(flag.Value.String())
	}
	if !format.json(out) {
		return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level}))
	}
	project, _ := cmd.Flags().GetString("project") // empty if the command has no such flag
	return slog.New(jsonlog.New(out, jsonlog.Options{Level: level, Project: project, Span: spanOf}))
}
