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
	cmd.Flags().BoolVar(asJSON, "json", false, "print the JSON of the Cloud Run API")
}

// printMessage prints a message as JSON. Unlike protojson it always uses the same
// spaces.
func printMessage(w io.Writer, message proto.Message) error {
	text, err := encodeMessage(message)
	if err != nil {
		return err
	}
	return printJSON(w, text)
}

// printMessages prints messages as a JSON array.
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

// collect returns all values of a sequence, or its error.
func collect[T any](sequence iter.Seq2[T, error]) ([]T, error) { return collectSome(sequence, 0) }

// collectSome returns the first values of a sequence, at most limit unless it is 0, or
// its error.
func collectSome[T any](sequence iter.Seq2[T, error], limit int) ([]T, error) {
	some := []T{} // [] in JSON
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

// addLimit adds the flag that limits a list to the newest.
func addLimit(cmd *cobra.Command, limit *int) {
	cmd.Flags().IntVar(limit, "limit", 0, "list only the newest `N`; 0 is all")
}

func checkLimit(limit int) error {
	if limit < 0 {
		return misused("--limit %d: must be at least 1, or 0 for all", limit)
	}
	return nil
}
