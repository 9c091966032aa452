package main

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith/internal/terminal"
)

func addJSON(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "print JSON as the Cloud Run API has it, for programs")
}

// printMessage prints a message as JSON. protojson varies its spaces on purpose;
// here they are always the same.
func printMessage(w io.Writer, message proto.Message) error {
	text, err := encodeMessage(message)
	if err != nil {
		return err
	}
	return printJSON(w, text)
}

// printMessages prints messages as one JSON array, which may be empty.
func printMessages[M proto.Message](w io.Writer, messages []M) error {
	texts := make([]json.RawMessage, len(messages))
	for i, message := range messages {
		text, err := encodeMessage(message)
		if err != nil {
			return err
		}
		texts[i] = text
	}
	return printJSON(w, texts)
}

func encodeMessage(message proto.Message) (json.RawMessage, error) {
	text, err := protojson.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", message.ProtoReflect().Descriptor().Name(), err)
	}
	return text, nil
}

// collect returns what a sequence yields, up to its error.
func collect[T any](sequence iter.Seq2[T, error]) ([]T, error) { return collectSome(sequence, 0) }

// collectSome returns the first ones of what a sequence yields, up to limit or its
// error; 0 is no limit.
func collectSome[T any](sequence iter.Seq2[T, error], limit int) (some []T, err error) {
	for one, err := range sequence {
		if err != nil {
			return nil, err
		}
		if some = append(some, one); len(some) == limit {
			break
		}
	}
	return some, nil
}

// screen returns the screen behind a writer. NO_COLOR turns colours off
// (https://no-color.org).
func screen(w io.Writer) *terminal.Screen {
	return terminal.NewScreen(w, env("NO_COLOR", "") == "" && env("TERM", "") != "dumb")
}

// addLimit adds the flag by which the newest ones alone are listed.
func addLimit(cmd *cobra.Command, limit *int) {
	cmd.Flags().IntVar(limit, "limit", 0, "list the newest `N` at most; 0 is all")
}

func checkLimit(limit int) error {
	if limit < 0 {
		return misused("--limit %d: must be at least 1, or 0 for all", limit)
	}
	return nil
}
