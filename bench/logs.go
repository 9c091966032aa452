package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	logging "cloud.google.com/go/logging/apiv2"
	"cloud.google.com/go/logging/apiv2/loggingpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/option"

	"github.com/runwith/runwith/internal/engine/tasklog"
)

const (
	// logTasks tasks write a log, logWidth of them at once, in lines of logLine bytes.
	logTasks, logWidth, logLine = 64, 8, 128
	// logTarget bounds reading one task's output, as a multiple of reading a file with just
	// that output.
	logTarget = 10
	// tickJob prints the time. followTarget bounds the age of an arriving line, in seconds.
	tickJob      = "bench-ticks"
	followTarget = 0.020
)

// measureLogs measures the reading of logs.
func measureLogs(ctx context.Context, b *bench) ([]row, error) {
	part, err := measurePart(ctx, b)
	if err != nil {
		return nil, err
	}
	followed, err := measureFollow(ctx, b)
	return []row{part, followed}, err
}

// measurePart writes a log of concurrent tasks and reads the output of one of them.
func measurePart(ctx context.Context, b *bench) (_ row, err error) {
	const execution, wanted = "bench", logTasks / 2
	store, err := tasklog.Open(filepath.Join(b.dir, "logs"), tasklog.Options{MaxBytes: 2 * b.log})
	if err != nil {
		return row{}, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	lines := int(b.log) / logTasks / logLine
	if err := writeLog(store, execution, lines); err != nil {
		return row{}, err
	}
	store.End(execution)
	alone := filepath.Join(b.dir, "part")
	if err := os.WriteFile(alone, []byte(strings.Repeat(line(), lines)), 0o600); err != nil {
		return row{}, err
	}
	times, err := interleave(ctx, plan{max(3, min(rounds, b.n)), 1},
		timed(func(context.Context) error {
			_, err := os.ReadFile(alone)
			return err
		}),
		timed(func(ctx context.Context) error {
			n := 0
			for entry, err := range store.Read(ctx, execution, tasklog.Query{Tasks: []int{wanted}}) {
				if err != nil {
					return err
				}
				n += len(entry.Text) + 1
			}
			if n != lines*logLine {
				return fmt.Errorf("read %d bytes of the task's output, want %d", n, lines*logLine)
			}
			return nil
		}))
	if err != nil {
		return row{}, err
	}
	what := fmt.Sprintf("one task's output read out of a log of %d MiB", b.log>>20)
	return newRow(what, seconds, times[1]).beside("reading a file that has just that", times[0]).times(logTarget), nil
}

func line() string { return strings.Repeat("x", logLine-1) + "\n" }

// writeLog lets tasks write their lines, in the order of their numbers and so many at once,
// with writes of the size of a pipe's reader.
func writeLog(store *tasklog.Store, execution string, lines int) error {
	const each = 32 << 10 / logLine
	var (
		wg     sync.WaitGroup
		places = make(chan struct{}, logWidth)
		errs   = make([]error, logTasks)
	)
	for task := range logTasks {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			out := store.Attempt(execution, "bench", task, 0)
			for left := lines; left > 0 && errs[task] == nil; left -= each {
				_, errs[task] = out.Stdout().Write([]byte(strings.Repeat(line(), min(left, each))))
			}
			errs[task] = errors.Join(errs[task], out.Close())
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// measureFollow lets a task print the time, and measures the age of the lines that arrive
// through TailLogEntries.
func measureFollow(ctx context.Context, b *bench) (_ row, err error) {
	c, err := b.open(ctx)
	if err != nil {
		return row{}, err
	}
	if err := c.createTicks(ctx, b.floor.binary); err != nil {
		return row{}, err
	}
	client, err := logging.NewClient(ctx, option.WithGRPCConn(c.conn), option.WithoutAuthentication())
	if err != nil {
		return row{}, err
	}
	started, err := c.jobs.RunJob(ctx, &runpb.RunJobRequest{Name: location + "/jobs/" + tickJob})
	if err != nil {
		return row{}, fmt.Errorf("run job: %w", err)
	}
	x, err := started.Metadata()
	if err != nil {
		return row{}, err
	}
	defer func() {
		_, cancelled := c.executions.CancelExecution(ctx, &runpb.CancelExecutionRequest{Name: x.Name})
		err = errors.Join(err, cancelled)
	}()
	ages, err := follow(ctx, client, b.n)
	if err != nil {
		return row{}, fmt.Errorf("follow the log: %w", err)
	}
	return newRow("a followed line, from its writing to its arrival", seconds, ages).within(followTarget), nil
}

// createTicks creates the job that prints the time.
func (c *cloudRun) createTicks(ctx context.Context, binary string) error {
	op, err := c.jobs.CreateJob(ctx, &runpb.CreateJobRequest{Parent: location, JobId: tickJob, Job: &runpb.Job{
		Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{
			Containers: []*runpb.Container{{Image: "ticks", Command: []string{binary, "ticks"}}}}},
	}})
	if err != nil {
		return fmt.Errorf("create job: %w", err)
	}
	_, err = op.Wait(ctx)
	return err
}

// follow returns the ages of n arriving lines, in seconds.
func follow(ctx context.Context, client *logging.Client, n int) (ages []float64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.TailLogEntries(ctx)
	if err != nil {
		return nil, err
	}
	err = stream.Send(&loggingpb.TailLogEntriesRequest{
		ResourceNames: []string{"projects/demo"}, Filter: `resource.labels.job_name="` + tickJob + `"`,
	})
	for len(ages) < n && err == nil {
		var res *loggingpb.TailLogEntriesResponse
		if res, err = stream.Recv(); err != nil {
			break
		}
		now := time.Now()
		for _, entry := range res.Entries {
			written, bad := strconv.ParseInt(entry.GetTextPayload(), 10, 64)
			if bad == nil {
				ages = append(ages, now.Sub(time.Unix(0, written)).Seconds())
			}
		}
	}
	return ages, err
}
