package main

import (
	"context"
	"fmt"
	"io"
	"path"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/terminal"
)

// removal is a change that takes until running tasks have ended.
type removal struct {
	kind, id string // of the job or execution
	done     string // the result in one word
	begin    func(context.Context) (operation string, err error)
}

// remove makes the change and prints the result.
func (c *cloudRun) remove(cmd *cobra.Command, r removal, async bool) error {
	operation, err := r.begin(cmd.Context())
	if err != nil {
		return c.explain(err, r.kind, r.id)
	}
	told := fmt.Sprintf("%s %s is being %s: %s", r.kind, r.id, r.done, operation)
	if !async {
		op, err := c.await(cmd.Context(), cmd.ErrOrStderr(), operation)
		if err != nil {
			return err
		}
		told = r.told(op)
	}
	return printLine(cmd.OutOrStdout(), "%s", told)
}

// told returns the result of a change. An execution may have ended by itself before it
// was cancelled.
func (r *removal) told(op *longrunningpb.Operation) string {
	var x runpb.Execution
	if op.GetResponse().UnmarshalTo(&x) == nil && r.done == string(runwith.StateCancelled) {
		if state := cloudrun.StatusOf(&x).State; state != runwith.StateCancelled {
			return fmt.Sprintf("%s %s %s before it was cancelled", r.kind, r.id, state)
		}
	}
	return fmt.Sprintf("%s %s %s", r.kind, r.id, r.done)
}

func addAsync(cmd *cobra.Command, async *bool) {
	cmd.Flags().BoolVar(async, "async", false, "do not wait; watch it with runwith operations list")
}

// await waits until an operation is done. Ctrl-C ends only the wait.
func (c *cloudRun) await(ctx context.Context, w io.Writer, operation string) (*longrunningpb.Operation, error) {
	p := &pending{w: w}
	op, err := c.WaitOperation(ctx, operation, p.show)
	p.close()
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, &exitError{exitInterrupted, fmt.Errorf("stopped waiting; %s continues", operation)}
	case runwith.CodeOf(err) == runwith.Unavailable:
		return nil, fmt.Errorf("stopped waiting; %s may continue: %w", operation, err)
	}
	return op, err
}

// pending shows that a command waits for an operation, and the progress of an
// execution.
type pending struct {
	w    io.Writer
	told bool
	bar  *terminal.Progress
}

func (p *pending) show(op *longrunningpb.Operation) {
	if !p.told {
		p.told = true
		fmt.Fprintln(p.w, "waiting until all tasks have ended; Ctrl-C ends only the wait")
	}
	var x runpb.Execution
	if op.GetMetadata().UnmarshalTo(&x) != nil {
		return
	}
	if p.bar == nil {
		p.bar = terminal.NewProgress(p.w, path.Base(x.GetName()))
	}
	counts := cloudrun.StatusOf(&x).Counts
	p.bar.Set(counts.Done(), counts.Tasks)
}

func (p *pending) close() {
	if p.bar != nil {
		p.bar.Close()
	}
}
