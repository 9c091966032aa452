package cloudrun

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// userAgent names this program. The engine recognizes it, and sends each line as it was
// printed instead of as a structure.
const userAgent = "runwith"

// logPage is the number of entries in a page; 1,000 is Google's limit.
const logPage = 1000

// LogEntries returns what tasks of the execution with the given resource name printed
// after the cursor, in the order of time, and the cursor behind it. It reads one page;
// [Cursor.More] reports whether there is another. It also finds a line that reaches Cloud
// Logging late, unless that is older than the entries that a cursor looks back over.
//
// See https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list.
func (c *Client) LogEntries(ctx context.Context, execution string, after Cursor) ([]runwith.LogLine, Cursor, error) {
	name, err := jobspec.ParseExecution(execution)
	if err != nil {
		return nil, after, err
	}
	entries, token, err := c.listEntries(ctx, &loggingpb.ListLogEntriesRequest{
		ResourceNames: []string{"projects/" + name.Job.Project},
		Filter:        logFilter(name, after),
		OrderBy:       "timestamp asc",
		PageSize:      int32(after.pageSize()),
		PageToken:     after.page,
	})
	if errors.Is(err, errTooLarge) && after.pageSize() > 1 {
		return c.LogEntries(ctx, execution, after.smaller())
	}
	if err != nil {
		return nil, after, err
	}
	fresh, next := after.after(entries, token)
	if err := next.list.Next(token); err != nil {
		return nil, after, err
	}
	if len(next.seen) > maxSeen {
		return nil, after, runwith.Errorf(runwith.Internal, "Cloud Logging has more than %d entries of the same time: %s", maxSeen, LookAtServer)
	}
	lines := make([]runwith.LogLine, 0, len(fresh))
	for _, entry := range fresh {
		lines = append(lines, logLine(entry))
	}
	return lines, next, nil
}

// logFilter selects what an execution's tasks printed, without the platform's own lines.
// It does not name the logs by project, because their names have its ID and the caller may
// have its number.
func logFilter(name jobspec.ExecutionName, after Cursor) string {
	from, task := after.from, ""
	if after.task != "" {
		task = ` AND labels."run.googleapis.com/task_index"="` + after.task + `"`
	}
	if from.IsZero() {
		from = time.Unix(0, 0)
	}
	return fmt.Sprintf(`%s AND %s AND timestamp>="%s"`, executionFilter(name), after.logIDs(), rfc3339(from)) + task
}

// logIDs is the part of a filter for the logs that tasks write.
func (c Cursor) logIDs() string {
	switch c.stream {
	case "stdout", "stderr":
		return `log_id("run.googleapis.com/` + c.stream + `")`
	}
	return `(log_id("run.googleapis.com/stdout") OR log_id("run.googleapis.com/stderr"))`
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// executionFilter selects everything in the log of an execution. The names are safe between
// quotes, because they were parsed.
func executionFilter(name jobspec.ExecutionName) string {
	return fmt.Sprintf(`resource.type="cloud_run_job" AND resource.labels.job_name="%s" AND resource.labels.location="%s"`+
		` AND labels."run.googleapis.com/execution_name"="%s"`, name.Job.Job, name.Job.Region, name.Execution)
}

// listEntries returns a page of entries, and the token of the next page.
func (c *Client) listEntries(ctx context.Context, r *loggingpb.ListLogEntriesRequest) ([]*loggingpb.LogEntry, string, error) {
	entries, token, err := c.readEntries(ctx, r)
	c.calls.Inc(listLog, runwith.CodeOf(err).String())
	return entries, token, err
}

func (c *Client) readEntries(ctx context.Context, r *loggingpb.ListLogEntriesRequest) ([]*loggingpb.LogEntry, string, error) {
	body, err := protojson.Marshal(r)
	if err != nil {
		return nil, "", fmt.Errorf("encode log request: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.logging+"/v2/entries:list", bytes.NewReader(body))
	if err != nil {
		return nil, "", fmt.Errorf("make log request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", userAgent)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, "", c.logFailure(ctx, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, "", httpFailure(response)
	}
	page := entryPage{most: int(r.GetPageSize())}
	err = page.decode(json.NewDecoder(wholeReader{http.MaxBytesReader(nil, response.Body, c.maxLog)}))
	if err != nil && ctx.Err() != nil {
		err = c.logFailure(ctx, err)
	}
	return page.entries, page.token, err
}

// stream returns "stdout" or "stderr", or "" for a log that no task writes.
func stream(logName string) string {
	_, name, _ := strings.Cut(logName, "/logs/")
	switch name {
	case "run.googleapis.com%2Fstdout":
		return "stdout"
	case "run.googleapis.com%2Fstderr":
		return "stderr"
	}
	return ""
}
