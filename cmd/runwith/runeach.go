package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/batchrun"
	"github.com/runwith/runwith/internal/requestfile"
	"github.com/runwith/runwith/internal/terminal"
)

// runEach starts the job of a command line for each line of a file.
func (f *runFlags) runEach(cmd *cobra.Command, r *jobRun, job string, defaults *runwith.Request) error {
	in, name, err := openLines(cmd, f.each)
	if err != nil {
		return err
	}
	defer in.Close()
	progress := terminal.NewProgress(r.err, job)
	defer progress.Close()
	detach := f.detaches(cmd)
	batches := batchrun.New(batchrun.Config{
		Client: r.client, Job: job, Detach: detach,
		Requests: requestfile.New(in, requestfile.Config{Name: name, Job: job, Scope: f.key, Defaults: *defaults}),
		Print:    r.eachPrinter(detach), Progress: progress.Set,
		Note: func(text string) {
			_ = progress.Println(r.err, "runwith: "+printable(r.err, text, false)) // nothing is left to do without it
		},
	})
	return r.each(cmd.Context(), batches, progress)
}

// openLines opens a file of requests.
func openLines(cmd *cobra.Command, path string) (_ io.ReadCloser, name string, err error) {
	switch path {
	case "":
		return nil, "", misused("--each: name a file, or - for standard input")
	case "-":
		return io.NopCloser(cmd.InOrStdin()), "standard input", nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, "", fmt.Errorf("--each: %w", err)
	}
	return file, path, nil
}

// eachPrinter returns the function that prints an invocation of a line to standard output: one
// line of JSON, or its ID if run does not wait.
func (r *jobRun) eachPrinter(detach bool) func(*runwith.Invocation) error {
	switch {
	case r.json:
		encoder := json.NewEncoder(r.out)
		encoder.SetEscapeHTML(false)
		return func(i *runwith.Invocation) error { return encoder.Encode(i) }
	case detach:
		return func(i *runwith.Invocation) error {
			return printLine(r.out, "%s", i.ID)
		}
	}
	return func(*runwith.Invocation) error { return nil }
}

// each runs the batches of a file and prints the summary. Anything but success is an error.
// Ctrl-C cancels the invocations that have not ended.
func (r *jobRun) each(ctx context.Context, batches *batchrun.Run, progress *terminal.Progress) error {
	err := batches.Do(ctx)
	progress.Close()
	switch {
	case ctx.Err() != nil:
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
		defer stop()
		batches.Cancel(ctx)
		return &exitError{code: exitInterrupted}
	case err != nil:
		return err
	}
	fmt.Fprintln(r.err, batches.Summary())
	if batches.Succeeded() {
		return nil
	}
	return &exitError{code: exitFailure}
}
