package logging

import (
	"fmt"
	"strconv"
	"strings"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/genproto/googleapis/api/monitoredres"
	logtype "google.golang.org/genproto/googleapis/logging/type"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith/internal/engine/tasklog"
	"github.com/runwith/runwith/internal/jobspec"
)

// The resource type and the labels of entries.
// https://cloud.google.com/run/docs/logging#log-resource
const (
	resourceType   = "cloud_run_job"
	executionLabel = "run.googleapis.com/execution_name"
	taskLabel      = "run.googleapis.com/task_index"
	attemptLabel   = "run.googleapis.com/task_attempt"
)

// logIDs are the IDs of the logs, in the form that log names contain.
var logIDs = map[tasklog.Stream]string{
	tasklog.Stdout: "run.googleapis.com%2Fstdout",
	tasklog.Stderr: "run.googleapis.com%2Fstderr",
	tasklog.System: "run.googleapis.com%2Fvarlog%2Fsystem",
}

func logName(project, id string) string { return "projects/" + project + "/logs/" + id }

// maker makes entries of one execution's lines. The entries share their common parts,
// which nobody changes.
type maker struct {
	execution jobspec.ExecutionName
	resource  *monitoredres.MonitoredResource
	logNames  map[tasklog.Stream]string
	labels    map[attempt]map[string]string
}

type attempt struct{ task, attempt int }

func newMaker(x jobspec.ExecutionName) *maker {
	m := &maker{
		execution: x,
		resource: &monitoredres.MonitoredResource{Type: resourceType, Labels: map[string]string{
			"project_id": x.Job.Project, "location": x.Job.Region, "job_name": x.Job.Job,
		}},
		logNames: map[tasklog.Stream]string{},
		labels:   map[attempt]map[string]string{},
	}
	for stream, id := range logIDs {
		m.logNames[stream] = logName(x.Job.Project, id)
	}
	return m
}

// entry returns a line in the form of Cloud Logging. A task's line has no severity, even
// on standard error, unless the line is a structure with one.
//
// Deviation: the labels instanceId and container_name are not set.
//
// See https://cloud.google.com/run/docs/logging#container-logs.
func (m *maker) entry(l tasklog.Entry) *loggingpb.LogEntry {
	at := timestamppb.New(l.Time)
	e := &loggingpb.LogEntry{
		LogName:          m.logNames[l.Stream],
		InsertId:         fmt.Sprintf("%s-%012x", m.execution.Execution, l.Pos),
		Resource:         m.resource,
		Labels:           m.labelsOf(attempt{l.Task, l.Attempt}),
		Timestamp:        at,
		ReceiveTimestamp: at,
		Severity:         severities[l.Level],
	}
	if l.Stream == tasklog.System || !m.structure(e, l) {
		setText(e, l)
	}
	return e
}

// severities are those of the platform's lines.
var severities = map[tasklog.Level]logtype.LogSeverity{
	tasklog.Info:    logtype.LogSeverity_INFO,
	tasklog.Warning: logtype.LogSeverity_WARNING,
	tasklog.Error:   logtype.LogSeverity_ERROR,
}

func setText(e *loggingpb.LogEntry, l tasklog.Entry) {
	e.Payload = &loggingpb.LogEntry_TextPayload{TextPayload: strings.ToValidUTF8(string(l.Text), "\ufffd")}
}

func (m *maker) labelsOf(a attempt) map[string]string {
	labels := m.labels[a]
	if labels == nil {
		labels = map[string]string{
			executionLabel: m.execution.Execution,
			taskLabel:      strconv.Itoa(a.task),
			attemptLabel:   strconv.Itoa(a.attempt),
		}
		m.labels[a] = labels
	}
	return labels
}

// structure makes the line the entry's payload if the line is a JSON object. It reports
// whether it is one.
func (m *maker) structure(e *loggingpb.LogEntry, l tasklog.Entry) bool {
	payload, ok := parseObject(l.Text)
	if !ok || l.Continued {
		return false
	}
	takeSpecial(e, payload)
	e.Payload = &loggingpb.LogEntry_JsonPayload{JsonPayload: payload}
	return true
}
