package cloudrun

import (
	"context"
	"fmt"
	"slices"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

const (
	// stderrLines is how many lines [Client.Stderr] returns, and maxStderrLine how many
	// bytes of each.
	stderrLines, maxStderrLine = 10, 1000
)

// TaskPage returns one page of the tasks of the execution with the given resource name, and
// the token of the next page, empty at the end.
func (c *Client) TaskPage(ctx context.Context, execution, token string) (page []*runpb.Task, next string, err error) {
	f := &flight{}
	page, next, err = readPage(c, f, fullPage, token, c.tasks.ListTasks(f.context(ctx), &runpb.ListTasksRequest{Parent: execution}).InternalFetch)
	for _, t := range page {
		shortenTask(t)
	}
	return page, next, err
}

// Stderr returns the last lines that an attempt of a task printed to standard error, in the
// order of time. It sends one request. Lines that have not reached Cloud Logging yet are
// missing.
func (c *Client) Stderr(ctx context.Context, execution string, task, attempt int) ([]string, error) {
	name, err := jobspec.ParseExecution(execution)
	if err != nil {
		return nil, err
	}
	entries, _, err := c.listEntries(ctx, &loggingpb.ListLogEntriesRequest{
		ResourceNames: []string{"projects/" + name.Job.Project},
		Filter: fmt.Sprintf(`%s AND labels."run.googleapis.com/task_index"="%d" AND labels."run.googleapis.com/task_attempt"="%d"`+
			` AND log_id("run.googleapis.com/stderr")`, executionFilter(name), task, attempt),
		OrderBy:  "timestamp desc",
		PageSize: stderrLines,
	})
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, entry := range slices.Backward(entries) {
		lines = append(lines, short(logLine(entry).Text, maxStderrLine))
	}
	return lines, nil
}
