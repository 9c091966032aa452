package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/terminal"
)

// question is what a command asks the invoker. Ask gets the command's arguments; show gets
// the answer, unless it is printed as JSON.
type question[T any] struct {
	ask  func(ctx context.Context, c *runwith.Client, args []string) (T, error)
	show func(s *terminal.Screen, answer T) error
}

// command makes cmd a command that asks the question.
func (q question[T]) command(cmd *cobra.Command) *cobra.Command {
	var (
		to     clientFlags
		asJSON bool
	)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := to.client()
		if err != nil {
			return err
		}
		answer, err := q.ask(cmd.Context(), client, args)
		switch {
		case err != nil:
			return err
		case asJSON:
			return printJSON(cmd.OutOrStdout(), answer)
		}
		return q.show(screen(cmd.OutOrStdout()), answer)
	}
	to.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the JSON of the invoker's API")
	return cmd
}

// now returns a function that shows an answer as of the present.
func now[T any](show func(*terminal.Screen, time.Time, T) error) func(*terminal.Screen, T) error {
	return func(s *terminal.Screen, answer T) error { return show(s, time.Now(), answer) }
}

// addSome adds the flag that limits a list whose items are many.
func addSome(cmd *cobra.Command, limit *int) {
	cmd.Flags().IntVar(limit, "limit", 50, "list at most `N`")
}

// pageSize returns the size of the pages of a list with at most limit items.
func pageSize(limit int) (int, error) {
	if limit < 1 {
		return 0, misused("--limit %d: must be at least 1", limit)
	}
	return min(limit, 1000), nil
}
