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

// What entries are known by.
// https://cloud.google.com/run/docs/logging#log-resource
const (
	resourceType   = "cloud_run_job"
	executionLabel = "run.googleapis.com/execution_name"
	taskLabel      = "run.googleapis.com/task_index"
	attemptLabel   = "run.googleapis.com/task_attempt"
)

// logIDs are the logs that tasks and the platform write to, as they stand in the
// names of logs.
var logIDs = map[tasklog.Stream]string{
	tasklog.Stdout: "run.googleapis.com%2Fstdout",
	tasklog.Stderr: "run.googleapis.com%2Fstderr",
	tasklog.System: "run.googleapis.com%2Fvarlog%2Fsystem",
}

func logName(project, id string) string { return "projects/" + project + "/logs/" + id }

// maker makes entries of one execution's lines. What all have in common it makes
// once, and the entries share it: they are only read.
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

// entry is a line as Cloud Logging has it. What a task prints has no severity, on
// standard error too, unless it says so itself.
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

// severities are those of what the platform says.
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

// structure makes the line the entry's payload if it is a JSON object, and reports
// whether it is.
func (m *maker) structure(e *loggingpb.LogEntry, l tasklog.Entry) bool {
	payload, ok := parseObject(l.Text)
	if !ok || l.Continued {
		return false
	}
	takeSpecial(e, payload)
	e.Payload = &loggingpb.LogEntry_JsonPayload{JsonPayload: payload}
	return true
}
