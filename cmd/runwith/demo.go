package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/metadata"
	"github.com/runwith/runwith/internal/invoker"
)

func newDemo() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Run a sample job from start to end, in a temporary folder",
		Long: `Demo starts engine and invoker on a free port, starts the sample job through the
invoker's API with arguments and environment variables, and shows its output. Its
exit code is 0 only if the job succeeded and printed what it was given. Demo leaves
nothing behind.`,
		Example: `  runwith demo`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo(cmd.Context(), cmd.OutOrStdout(), newLogger(cmd, slog.LevelWarn))
		},
	}
}

// demoOverrides returns the overrides of the story: two arguments, two variables, one task,
// ten seconds.
func demoOverrides() *runwith.Overrides {
	return &runwith.Overrides{
		Args:      []string{"arg-1", "arg-2"},
		Env:       map[string]string{"ENV_1": "HELLO", "ENV_2": "WORLD"},
		TaskCount: 1,
		Timeout:   10 * time.Second,
	}
}

// demo tells the story while a server runs in the background.
func demo(ctx context.Context, out io.Writer, logger *slog.Logger) (err error) {
	data, err := os.MkdirTemp("", "runwith-demo-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(data)) }()

	serving, stop := context.WithCancel(ctx)
	defer stop()
	var (
		f = stackFlags{
			to:    listenFlags{addr: "127.0.0.1:0"},
			place: placeFlags{data: data, project: defaultProject, region: defaultRegion},
			what:  engineFlags{runner: runnerFlags{kind: runProcesses}, maxTasks: engine.DefaultMaxTasks, maxLog: 1 << 20, keep: 1, grace: engine.DefaultGrace, interrupted: interruptedRerun, number: metadata.DefaultProjectNumber},
			how:   invokerFlags{settle: invoker.DefaultSettle, callTimeout: invoker.DefaultCallTimeout, keep: invoker.DefaultKeep, rebuild: "auto", store: "durable"},
		}
		addr  = make(chan string, 1)
		ended = make(chan error, 1)
	)
	go func() { ended <- up(serving, f, logger, func(a string) { addr <- a }) }()
	select {
	case a := <-addr:
		story := &story{out: out, client: &runwith.Client{Server: "http://" + a}}
		err = story.tell(ctx)
		stop()
		err = errors.Join(err, <-ended)
	case err = <-ended:
	}
	if ctx.Err() != nil {
		return &exitError{code: exitInterrupted}
	}
	return err
}

// story is the demo as a person reads it.
type story struct {
	out    io.Writer
	client *runwith.Client
	step   int
}

func (s *story) tell(ctx context.Context) error {
	s.say("Engine and invoker are ready at %s, with their state in a temporary folder.", s.client.Server)
	s.say("The engine has the job test-job, which prints its environment and arguments.")
	overrides := demoOverrides()
	body, err := json.Marshal(overrides)
	if err != nil {
		return err
	}
	s.say("POST /api/v1/jobs/test-job/invocations\n   %s", body)
	invocation, err := s.client.Run(ctx, "test-job", overrides)
	if err != nil {
		return err
	}
	s.say("The invoker has it on disk as invocation %s. The job prints:", invocation.ID)
	printed, err := s.output(ctx, invocation.ID)
	if err != nil {
		return err
	}
	end, err := s.client.Wait(ctx, invocation.ID)
	if err != nil {
		return err
	}
	s.say("Execution %s: %s.", end.Execution, summary(end))
	return s.judge(end, printed)
}

// say prints the next step.
func (s *story) say(format string, args ...any) {
	s.step++
	fmt.Fprintf(s.out, "%d. %s\n", s.step, fmt.Sprintf(format, args...))
}

// output shows the output of the job until its end.
func (s *story) output(ctx context.Context, id string) (lines []string, err error) {
	for line, err := range s.client.Logs(ctx, id, &runwith.LogsOptions{Follow: true}) {
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(s.out, "   | %s\n", line.Text)
		lines = append(lines, line.Text)
	}
	return lines, nil
}

// judge checks the job's result and output.
func (s *story) judge(end *runwith.Invocation, printed []string) error {
	if end.State != runwith.StateSucceeded {
		return fmt.Errorf("the job did not succeed, it is %s", end.State)
	}
	for _, want := range []string{"ENV_1 = HELLO", "ENV_2 = WORLD", "  ARG: arg-1", "  ARG: arg-2"} {
		if !slices.Contains(printed, want) {
			return fmt.Errorf("the job did not print %q", want)
		}
	}
	// If an earlier line could not be written, this one cannot either.
	_, err := fmt.Fprintln(s.out, "\nThe job got what was asked for. Next: runwith up, then runwith run test-job -- hello")
	return err
}
