package main

import (
	"context"
	"io"
	"path"
	"strings"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
)

func newOperations() *cobra.Command {
	var f cloudRunFlags
	group := &cobra.Command{
		Use:   "operations",
		Short: "List long-running operations",
		Long: `Operations looks at what was asked of a Cloud Run Jobs API and takes its time:
runs, changes, cancellations and deletions.`,
		Example: `  runwith operations list`,
	}
	f.add(group)
	return newGroup(group, newOperationsList(&f))
}

func newOperationsList(f *cloudRunFlags) *cobra.Command {
	var limit int
	cmd := f.lists(&cobra.Command{
		Use:   "list",
		Short: "List operations, the newest first",
		Example: `  runwith operations list --limit 20
  runwith operations list --json | jq -r '.[] | select(.done | not) | .name'`,
	}, func(ctx context.Context, c *cloudRun, out io.Writer, asJSON bool) error {
		if err := checkLimit(limit); err != nil {
			return err
		}
		operations, err := collectSome(c.Operations(ctx), limit)
		if err != nil {
			return err
		}
		return listOperations(operations, out, asJSON)
	})
	addLimit(cmd, &limit)
	return cmd
}

// listOperations keeps the order of the API: an operation tells no time of its own.
func listOperations(operations []*longrunningpb.Operation, out io.Writer, asJSON bool) error {
	if asJSON {
		return printMessages(out, operations)
	}
	now := time.Now()
	t := &table{head: []string{"OPERATION", "STATE", "ABOUT", "CHANGED", "MESSAGE"}}
	for _, op := range operations {
		about, changed := subject(op)
		row := words(path.Base(op.GetName()), operationState(op), about, ago(now, changed), op.GetError().GetMessage())
		row[1].look = stateStyle(row[1].text)
		t.add(row...)
	}
	return t.write(newScreen(out))
}

// operationState is how an operation stands, in a word.
func operationState(op *longrunningpb.Operation) string {
	switch {
	case !op.GetDone():
		return string(runwith.StateRunning)
	case op.GetError() != nil:
		return string(runwith.StateFailed)
	}
	return "done"
}

// subject is what an operation is about, and when that has changed last.
func subject(op *longrunningpb.Operation) (about string, changed *timestamppb.Timestamp) {
	message, err := op.GetMetadata().UnmarshalNew()
	if err != nil {
		return never, nil
	}
	switch m := message.(type) {
	case *runpb.Job:
		return "job " + path.Base(m.GetName()), m.GetUpdateTime()
	case *runpb.Execution:
		return "execution " + path.Base(m.GetName()), m.GetUpdateTime()
	}
	return strings.ToLower(string(message.ProtoReflect().Descriptor().Name())), nil
}
