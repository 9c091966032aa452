package main

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
)

const (
	// endJob runs for longer than the invoker needs until it waits for the end.
	endJob = "nap"
	// endTarget bounds the time from an end at the engine until a caller of the invoker
	// knows it, in seconds.
	endTarget = 0.030
)

// measureEnd measures how long an end takes to reach a caller who waits. Both figures begin
// at the completion time that the engine records just before its commit.
func measureEnd(ctx context.Context, b *bench) ([]row, error) {
	c, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	err = c.create(ctx, endJob, &runpb.ExecutionTemplate{TaskCount: 1, Template: &runpb.TaskTemplate{
		Containers: []*runpb.Container{{Image: "sleep", Command: []string{"sleep", "0.2"}}},
	}})
	if err != nil {
		return nil, err
	}
	client := &runwith.Client{Server: "http://" + b.up.addr}
	times, err := interleave(ctx, plan{max(1, b.n/4), 1}, c.endToCaller, func(ctx context.Context) (float64, error) {
		return endToInvokersCaller(ctx, client)
	})
	if err != nil {
		return nil, err
	}
	return []row{newRow("an end at the engine, until a caller of the invoker knows it", seconds, times[1]).
		beside("until a caller of the engine's WaitOperation does", times[0]).within(endTarget)}, nil
}

// endToCaller runs the job and waits for its end at the engine.
func (c *cloudRun) endToCaller(ctx context.Context) (float64, error) {
	op, err := c.start(ctx, endJob)
	if err != nil {
		return 0, err
	}
	done, err := c.operations.WaitOperation(ctx, &longrunningpb.WaitOperationRequest{Name: op.Name()})
	told := time.Now()
	if err != nil {
		return 0, fmt.Errorf("wait for the run: %w", err)
	}
	x := &runpb.Execution{}
	if err := done.GetMetadata().UnmarshalTo(x); err != nil || x.GetCompletionTime() == nil {
		return 0, fmt.Errorf("the run has not ended: %v, %w", done, err)
	}
	return told.Sub(x.GetCompletionTime().AsTime()).Seconds(), nil
}

// endToInvokersCaller invokes the job and waits for its end at the invoker.
func endToInvokersCaller(ctx context.Context, client *runwith.Client) (float64, error) {
	started, err := client.Run(ctx, endJob, nil)
	if err != nil {
		return 0, err
	}
	end, err := client.Wait(ctx, started.ID)
	told := time.Now()
	if err != nil {
		return 0, err
	}
	if end.State != runwith.StateSucceeded {
		return 0, fmt.Errorf("invocation %s is %s", end.ID, end.State)
	}
	return told.Sub(end.Finished).Seconds(), nil
}
