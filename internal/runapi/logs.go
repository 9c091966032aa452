package runapi

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/genproto/googleapis/api/monitoredres"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/tasklog"
)

// Sizes of a page of log entries.
// https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list
const (
	defaultEntries = 50
	maxEntries     = 1000
	// maxPage is how many bytes of text end a page before its last entry: clients of
	// gRPC take answers of 4 MiB, and a line may have 256 KiB.
	maxPage = 1 << 20
)

// logs is google.logging.v2.LoggingServiceV2, for reading what tasks print.
type logs struct {
	loggingpb.UnimplementedLoggingServiceV2Server
	engine *engine.Engine
}

// ListLogEntries returns a page of one execution's output.
//
// Deviation: the filter must name the execution, by job, location and name; Cloud
// Logging takes any filter.
func (s *logs) ListLogEntries(ctx context.Context, req *loggingpb.ListLogEntriesRequest) (*loggingpb.ListLogEntriesResponse, error) {
	sel, err := selectLog(req)
	if err != nil {
		return nil, err
	}
	size := min(int(req.PageSize), maxEntries)
	if size <= 0 {
		size = defaultEntries
	}
	res := &loggingpb.ListLogEntriesResponse{}
	bytes := 0
	for entry, err := range s.engine.Log(ctx, sel.execution, sel.query) {
		switch {
		case runwith.CodeOf(err) == runwith.NotFound:
			return res, nil // a log that nothing was written to is empty
		case err != nil:
			return nil, err
		case !entry.Time.After(sel.after):
			continue
		case len(res.Entries) == size || bytes >= maxPage:
			res.NextPageToken = strconv.FormatInt(sel.query.After, 36)
			return res, nil
		}
		res.Entries = append(res.Entries, logEntry(sel.execution, entry))
		sel.query.After = entry.Pos
		bytes += len(entry.Text)
	}
	return res, nil
}

// logSelection is what a request asks for.
type logSelection struct {
	execution jobspec.ExecutionName
	query     tasklog.Query
	after     time.Time // entries at this time or before are left out
}

func selectLog(req *loggingpb.ListLogEntriesRequest) (sel logSelection, err error) {
	if len(req.ResourceNames) != 1 || !strings.HasPrefix(req.ResourceNames[0], "projects/") {
		return sel, runwith.Errorf(runwith.InvalidArgument, "resource_names: must be one project, such as projects/demo")
	}
	if req.OrderBy != "" && req.OrderBy != "timestamp asc" {
		return sel, runwith.Errorf(runwith.Unimplemented, "order_by: is %q, only \"timestamp asc\" is served", req.OrderBy)
	}
	if req.PageToken != "" {
		if sel.query.After, err = strconv.ParseInt(req.PageToken, 36, 64); err != nil {
			return sel, runwith.Errorf(runwith.InvalidArgument, "page_token: %.40q is unknown", req.PageToken)
		}
	}
	comparisons, err := parseLogFilter(req.Filter)
	if err != nil {
		return sel, err
	}
	sel.execution.Job.Project = strings.TrimPrefix(req.ResourceNames[0], "projects/")
	for _, c := range comparisons {
		if err := sel.apply(c); err != nil {
			return sel, err
		}
	}
	x := sel.execution
	if x.Job.Job == "" || x.Job.Region == "" || x.Execution == "" {
		return sel, runwith.Errorf(runwith.InvalidArgument,
			`filter: must name resource.labels.job_name, resource.labels.location and labels."run.googleapis.com/execution_name"`)
	}
	return sel, nil
}

// apply narrows the selection by one comparison.
func (sel *logSelection) apply(c comparison) error {
	x := &sel.execution
	switch c.field + " " + c.op {
	case "resource.type =":
		if c.value != "cloud_run_job" {
			return runwith.Errorf(runwith.InvalidArgument, "filter: at position %d: only resource.type=cloud_run_job has logs here", c.at)
		}
	case "resource.labels.job_name =":
		x.Job.Job = c.value
	case "resource.labels.location =":
		x.Job.Region = c.value
	case "labels.run.googleapis.com/execution_name =":
		x.Execution = c.value
	case "timestamp >=", "timestamp >":
		at, err := time.Parse(time.RFC3339Nano, c.value)
		if err != nil {
			return runwith.Errorf(runwith.InvalidArgument, "filter: at position %d: %.40q is no RFC 3339 time", c.at, c.value)
		}
		sel.query.Since = at
		if c.op == ">" {
			sel.after = at
		}
	default:
		return runwith.Errorf(runwith.Unimplemented, "filter: at position %d: %s %s is not served", c.at, c.field, c.op)
	}
	return nil
}

// logEntry is a line as Cloud Logging has it.
func logEntry(x jobspec.ExecutionName, e tasklog.Entry) *loggingpb.LogEntry {
	return &loggingpb.LogEntry{
		LogName:  fmt.Sprintf("projects/%s/logs/run.googleapis.com%%2F%s", x.Job.Project, e.Stream),
		InsertId: fmt.Sprintf("%s-%012x", x.Execution, e.Pos),
		Resource: &monitoredres.MonitoredResource{
			Type: "cloud_run_job",
			Labels: map[string]string{
				"project_id": x.Job.Project,
				"location":   x.Job.Region,
				"job_name":   x.Job.Job,
			},
		},
		Labels: map[string]string{
			"run.googleapis.com/execution_name": x.Execution,
			"run.googleapis.com/task_index":     strconv.Itoa(e.Task),
			"run.googleapis.com/task_attempt":   strconv.Itoa(e.Attempt),
		},
		Timestamp:        timestamppb.New(e.Time),
		ReceiveTimestamp: timestamppb.New(e.Time),
		Payload:          &loggingpb.LogEntry_TextPayload{TextPayload: strings.ToValidUTF8(string(e.Text), "\ufffd")},
	}
}
