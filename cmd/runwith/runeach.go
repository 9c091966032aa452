package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/requestfile"
	"github.com/runwith/runwith/internal/terminal"
)

// maxBatchSize is how large the JSON of a batch may become, in bytes. The invoker takes 1 MiB.
const maxBatchSize = 1000 << 10

// maxPatience is the longest time after which a refused line is sent again. A refusal that
// lasts longer is one for good.
const maxPatience = 5 * time.Minute

// eachRun starts a job once for each line of a file.
type eachRun struct {
	*jobRun
	job      string
	file     *requestfile.Reader
	detach   bool
	progress *terminal.Progress
	began    time.Time
	again    []requestfile.Item // that the invoker could not take yet
	ended    bool               // the file was read to its end
	open     map[string]int     // lines of the invocations that have not ended, by ID
	tally    tally
}

// runEach starts the job of a command line for each line of a file.
func (f *runFlags) runEach(cmd *cobra.Command, r *jobRun, job string, defaults *runwith.Request) error {
	in, name, err := openLines(cmd, f.each)
	if err != nil {
		return err
	}
	defer in.Close()
	e := &eachRun{
		jobRun: r, job: job, detach: f.detaches(cmd), open: map[string]int{}, began: time.Now(),
		file:     requestfile.New(in, requestfile.Config{Name: name, Job: job, Scope: f.key, Defaults: *defaults}),
		progress: terminal.NewProgress(r.err, job),
	}
	defer e.progress.Close()
	return e.run(cmd.Context())
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

func (e *eachRun) run(ctx context.Context) error {
	err := e.send(ctx)
	if err == nil && !e.detach {
		err = e.follow(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return e.interrupted(ctx)
	case err != nil && e.tally.accepted() > 0:
		return fmt.Errorf("%w; %s were started before that, and are not started again if you repeat the command", err, countLines(e.tally.accepted()))
	case err != nil:
		return err
	}
	return e.result()
}

// send sends all lines of the file.
func (e *eachRun) send(ctx context.Context) error {
	for {
		batch, err := e.next()
		if err != nil || len(batch) == 0 {
			return err
		}
		pause, err := e.start(ctx, batch)
		if err == nil && pause > 0 {
			e.note("the invoker takes no more for now: trying %s again in %v", countLines(len(e.again)), pause)
			err = backoff.Sleep(ctx, pause)
		}
		if err != nil {
			return err
		}
	}
}

// next returns the next batch; it is empty at the end.
func (e *eachRun) next() (batch []requestfile.Item, err error) {
	batch, e.again = e.again, nil
	size := 0
	for _, item := range batch {
		size += item.Size
	}
	for !e.ended && len(batch) < runwith.MaxBatch {
		item, err := e.file.Next()
		if errors.Is(err, io.EOF) {
			e.ended = true
			break
		}
		if err != nil {
			return nil, err
		}
		if size += item.Size; size > maxBatchSize && len(batch) > 0 {
			e.again = []requestfile.Item{item}
			break
		}
		batch = append(batch, item)
	}
	return batch, nil
}

// start sends a batch. It keeps the lines that the invoker cannot take yet, and returns when
// to send them again.
func (e *eachRun) start(ctx context.Context, batch []requestfile.Item) (pause time.Duration, err error) {
	items := make([]runwith.StartItem, len(batch))
	for i, item := range batch {
		items[i] = item.StartItem
	}
	results, err := e.client.StartEach(ctx, e.job, items)
	if err != nil {
		return 0, err
	}
	var refused []requestfile.Item
	for i, r := range results {
		if r.Err != nil && r.RetryAfter > 0 && r.RetryAfter <= maxPatience {
			pause, refused = max(pause, r.RetryAfter), append(refused, batch[i])
			continue
		}
		if r.Err != nil {
			e.tally.refused++
			e.note("%s: %v", e.file.Place(batch[i].Line), r.Err)
		} else if err := e.accepted(batch[i].Line, r); err != nil {
			return 0, err
		}
	}
	e.again = append(refused, e.again...)
	e.bar()
	return pause, nil
}

// accepted notes the invocation of a line.
func (e *eachRun) accepted(line int, r runwith.StartResult) error {
	if r.Replayed {
		e.tally.replayed++
	} else {
		e.tally.fresh++
	}
	switch {
	case e.detach && e.json:
		return e.print(r.Invocation)
	case e.detach:
		_, err := fmt.Fprintln(e.out, r.Invocation.ID)
		return err
	case r.Invocation.State.Settled():
		return e.settled(line, r.Invocation)
	}
	e.open[r.Invocation.ID] = line
	return nil
}

// settled notes the end of a line's invocation.
func (e *eachRun) settled(line int, i *runwith.Invocation) error {
	delete(e.open, i.ID)
	e.tally.end(i.State)
	if i.State != runwith.StateSucceeded {
		reason := ""
		if i.Error != nil {
			reason = ": " + i.Error.Message
		}
		e.note("%s: invocation %s %s%s", e.file.Place(line), i.ID, i.State, reason)
	}
	e.bar()
	if e.json {
		return e.print(i)
	}
	return nil
}

// print prints an invocation as one line of JSON.
func (e *eachRun) print(i *runwith.Invocation) error {
	encoder := json.NewEncoder(e.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(i)
}

// note prints a line to standard error, above the bar.
func (e *eachRun) note(format string, args ...any) {
	text := "runwith: " + printable(e.err, fmt.Sprintf(format, args...), false)
	_ = e.progress.Println(e.err, text) // nothing is left to do without it
}

func (e *eachRun) bar() { e.progress.Set(e.tally.done(), e.tally.accepted()) }

// result prints the summary. Anything but success is an error.
func (e *eachRun) result() error {
	e.progress.Close()
	fmt.Fprintf(e.err, "%s: %s in %v\n", e.job, e.tally.summary(e.detach), time.Since(e.began).Round(time.Millisecond))
	if e.tally.good(e.detach) {
		return nil
	}
	return &exitError{code: exitFailure}
}
